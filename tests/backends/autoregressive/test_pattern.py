"""Delays of codebooks, against a picture of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backends.autoregressive.pattern import FREE, Pattern


def test_the_delay_pattern_of_four_codebooks_is_the_one_of_musicgen() -> None:
    """Three frames 10, 20, 30 of four codebooks; a dot is the special token."""
    pattern = Pattern((0, 1, 2, 3), special=9, prefix=np.empty((0, 4), np.int64), frames=3)
    assert pattern.steps == 6
    rows = ["10 . . .", "20 11 . .", "30 21 12 .", ". 31 22 13", ". . 32 23", ". . . 33"]
    decided = np.array([[9 if cell == "." else int(cell) for cell in row.split()] for row in rows])
    for step, row in enumerate(decided):
        assert (pattern.forced(step) == np.where(row == 9, 9, FREE)).all()
    assert pattern.gather(decided, 0, 3).tolist() == [[10, 11, 12, 13], [20, 21, 22, 23], [30, 31, 32, 33]]
    assert [pattern.complete(step) for step in range(7)] == [0, 0, 0, 0, 1, 2, 3]


def test_thirty_seconds_at_fifty_frames_a_second_take_1503_steps() -> None:
    assert Pattern((0, 1, 2, 3), 2048, np.empty((0, 4), np.int64), 1500).steps == 1503


@given(
    delays=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(lambda d: tuple(x - min(d) for x in d)),
    given_frames=st.integers(0, 5),
    frames=st.integers(1, 6),
)
def test_every_frame_is_decided_once_and_the_prefix_never(
    delays: tuple[int, ...], given_frames: int, frames: int
) -> None:
    count = len(delays)
    prefix = 100 + np.arange(given_frames * count).reshape(-1, count)
    pattern = Pattern(delays, 9, prefix, frames)
    decided = np.stack([pattern.forced(step) for step in range(pattern.steps)])
    assert (decided == FREE).sum() == frames * count
    assert all((decided[step] != FREE).all() for step in range(pattern.known))
    fresh = np.where(decided == FREE, 1000 + np.arange(decided.size).reshape(decided.shape), decided)
    assert (pattern.gather(fresh, -given_frames, 0) == prefix).all()
    assert (pattern.gather(fresh, 0, frames) >= 1000).all()
    for step in range(pattern.steps + 1):
        done = pattern.complete(step)
        assert (pattern.gather(np.arange(pattern.steps)[:, None] + np.zeros((1, count), int), 0, done) < step).all()
    assert pattern.complete(pattern.steps) == frames
