"""What is like music, and what strays."""

from __future__ import annotations

import numpy as np
import pytest

from luce.server.measures.music import form
from luce.server.music.composing.ordinary import strangeness
from luce.server.music.composing.planning import Moment, Wish, corpus, plan
from luce.server.music.notes import Notes


def tune(pitches: list[int], *, step_s: float = 0.25, seconds: float = 16.0) -> Notes:
    """Pitches again and again, one each step."""
    onsets = np.arange(0, seconds, step_s)
    pitch = np.resize(pitches, len(onsets))
    return Notes.sorted(onsets, onsets + step_s, pitch, np.full(len(onsets), 0.6))


def test_a_tune_is_like_music_and_a_drone_a_cluster_and_a_flurry_are_not() -> None:
    melody = [60, 64, 67, 72, 71, 67, 65, 69, 62, 65, 67, 71, 60, 64, 67, 76, 69, 65, 60, 57, 67, 62, 59, 55]
    assert strangeness(tune(melody, step_s=0.2), 16.0, 2.0) < 0.3
    drone = strangeness(tune([60]), 16.0, 2.0)
    flurry = strangeness(tune(melody, step_s=0.02), 16.0, 2.0)
    cluster = strangeness(tune(list(range(60, 72))), 16.0, 2.0)
    assert min(drone, flurry) > 0.5
    assert 0 < cluster < drone


@pytest.mark.parametrize("seconds", [2.0, 8.0, 20.0, 60.0, 600.0])
def test_longer_music_returns_to_what_it_had_more_often(seconds: float) -> None:
    low, high = corpus().ordinary(seconds)
    assert (low < high).all()
    assert high[2] <= 1
    assert low[2] >= corpus().ordinary(2.0)[0][2]
    assert len(form(tune([60, 64]), 16.0, 2.0)) == len(low)


def test_no_more_notes_a_second_are_planned_than_music_has() -> None:
    low, high = corpus().busy
    for seed in range(40):
        made = plan(Wish((Moment(12.0, 0.2, -1.0 + 0.05 * seed),)), seed)
        rate = np.log2(made.manner.bpm / 60) + (made.sections[0].controls.density or 0)
        assert low - 0.5 < rate < high + 0.5, "only the tempo bends, so that the last bar ends on time"
