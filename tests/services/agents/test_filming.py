from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from luce.v1 import agents_pb2, emotion_pb2
from services.agents.filming import frame_count, frames_of
from tests.services.agents.music import described

RATE = Fraction(12)


def flat(level: int) -> np.ndarray:
    return np.full((32, 48, 3), level, np.uint8)


def levels(music: agents_pb2.MusicDescription, *keys: tuple[int, float]) -> np.ndarray:
    """Mean level of each frame of an animation of even pictures."""
    pictures, times = [flat(level) for level, _ in keys], [time for _, time in keys]
    return np.array([frame.mean() for frame in frames_of(pictures, times, music, RATE)])


@pytest.mark.parametrize(("seconds", "count"), [(0.01, 1), (1.0, 12), (1.01, 13), (2.5, 30)])
def test_the_frames_are_as_long_as_the_music(seconds: float, count: int) -> None:
    assert frame_count(seconds, RATE) == count


def test_a_picture_dissolves_into_the_next_and_rests_at_both_ends() -> None:
    found = levels(described(0.0, -1.0, duration=4), (40, 0.0), (200, 4.0))
    assert len(found) == 48
    assert (np.diff(found) >= -1).all()
    assert found[:9] == pytest.approx(40, abs=1)
    assert found[40:] == pytest.approx(200, abs=1)
    assert found[24] == pytest.approx(120, abs=2)


def test_light_pulses_with_the_beat_of_excited_music_alone() -> None:
    excited, calm = described(0.0, 1.0, duration=2), described(0.0, -1.0, duration=2)
    for music in (excited, calm):
        music.beat_times.extend([0.5, 1.5])
    pulsing = levels(excited, (100, 0.0), (100, 2.0))
    assert pulsing[6] == pytest.approx(110, abs=1)
    assert pulsing[5] == pytest.approx(100, abs=1)
    assert pulsing[11] < 102
    assert levels(calm, (100, 0.0), (100, 2.0)) == pytest.approx(100, abs=1)


def test_the_view_moves_more_when_the_music_is_excited() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)

    def moved(arousal: float) -> float:
        music = described(0.0, arousal, duration=3)
        frames = [frame.astype(float) for frame in frames_of([picture] * 2, [0.0, 3.0], music, RATE)]
        return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(frames)]))

    assert moved(0.9) > 1.5 * moved(-0.9) > 0


def test_frames_have_the_size_of_the_pictures_and_are_the_same_again() -> None:
    music = described(0.2, 0.3, duration=1)
    music.curve.points.add(duration_s=1, emotion=emotion_pb2.Emotion(valence=0.2, arousal=0.3))
    music.beat_times.append(0.4)
    picture = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    keys = [picture, picture[::-1].copy(), picture[:, ::-1].copy()]
    once, again = (list(frames_of(keys, [0.0, 0.5, 1.0], music, RATE)) for _ in range(2))
    assert {frame.shape for frame in once} == {(64, 96, 3)}
    assert {frame.dtype for frame in once} == {np.dtype(np.uint8)}
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
