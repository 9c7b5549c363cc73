"""Pieces while they are written, and accents on them."""

from __future__ import annotations

import numpy as np
import pytest

from luce.server.music.composing.orchestra import orchestra_of
from luce.server.music.composing.performance import Manner, midi_bytes, perform
from luce.server.music.composing.score import BASS, HARMONY, MELODY, METRES, Score
from luce.server.sound import SAMPLE_RATE, Sounder, SoundSettings, read_performance
from services.mapping.accents import accented
from services.mapping.live import LiveSound, performance_of


@pytest.fixture(scope="module")
def sounder() -> Sounder:
    return Sounder(SoundSettings())


def score_of(metre: int, bars: int) -> Score:
    """A melody in eighths over chords; now and then a note is held over the bar line."""
    random = np.random.default_rng(5)
    size = METRES[metre].positions
    rows = []
    for bar in range(bars):
        rows.append((bar * size, size, 36, BASS))
        rows += [(bar * size, size // 2, pitch, HARMONY) for pitch in (52, 55, 60)]
        for place in range(0, size, 2):
            rows.append((bar * size + place, int(random.choice([2, 2, 16])), int(random.integers(62, 80)), MELODY))
    onset, length, pitch, role = np.array(rows).T
    end = bars * size
    return Score.sorted(metre, bars, onset=onset, length=np.minimum(length, end - onset), pitch=pitch, role=role)


@pytest.mark.parametrize("metre", [0, 1, 2])
def test_what_is_heard_bar_by_bar_is_the_piece(sounder: Sounder, metre: int) -> None:
    whole = score_of(metre, 8)
    manner = Manner(120.0, 0, orchestra_of(["piano", "violin", "cello"]))
    seconds = whole.positions * manner.step_s
    live = LiveSound(sounder.stream(), manner, seconds)
    chunks = [live.advance(whole.between(0, bars), ends=False) for bars in range(9)]
    chunks.append(live.advance(whole, ends=True))
    heard = [chunk for chunk in chunks if chunk is not None]
    assert [chunk.index for chunk in heard] == list(range(len(heard)))
    assert len(heard) >= 3
    assert heard[-1].last
    assert live.advance(whole, ends=True) is None
    streamed = np.concatenate([chunk.samples for chunk in heard])
    assert len(streamed) == pytest.approx(seconds * SAMPLE_RATE, abs=2)
    at_once = LiveSound(sounder.stream(), manner, seconds).advance(whole, ends=True)
    assert at_once is not None
    count = min(len(streamed), len(at_once.samples))
    likeness = np.corrcoef(streamed[:count].ravel(), at_once.samples[:count].ravel())[0, 1]
    # The level is set by the first chunk and peaks are turned down chunk by chunk; the notes are the same.
    assert likeness > 0.97


def test_nothing_is_heard_before_a_bar_can_no_longer_change(sounder: Sounder) -> None:
    score = score_of(0, 8)
    live = LiveSound(sounder.stream(), Manner(120.0, 0, orchestra_of(["piano"])), 16.0)
    assert live.advance(score.between(0, 1), ends=False) is None
    chunk = live.advance(score.between(0, 2), ends=False)
    assert chunk is not None
    assert len(chunk.samples) == 2 * SAMPLE_RATE


def test_played_notes_and_the_file_written_of_them_are_the_same_performance() -> None:
    score, manner = score_of(1, 6), Manner(97.0, 3, orchestra_of(["flute", "harp", "drums"]), arousal=0.4)
    played, read = performance_of(perform(score, manner)), read_performance(midi_bytes(score, manner))
    assert played.count == read.count
    assert np.sort(played.onset_s) == pytest.approx(np.sort(read.onset_s), abs=2e-3)
    assert sorted(played.velocity.tolist()) == sorted(read.velocity.tolist())
    assert set(played.program.tolist()) == set(read.program.tolist())


def test_accents_fall_on_the_nearest_notes_and_on_no_others() -> None:
    manner = Manner(120.0, 0, orchestra_of(["piano"]))
    midi = midi_bytes(score_of(0, 4), manner)
    before, after = read_performance(midi), read_performance(accented(midi, [2.05, 5.9, 99.0], 120.0))
    louder = sorted({round(time, 2) for time in before.onset_s[after.velocity > before.velocity].tolist()})
    assert louder == [2.0, 6.0]
    assert accented(midi, [], 120.0) == midi
    assert (after.velocity <= 127).all()
