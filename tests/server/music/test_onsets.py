"""The onset envelope by what rises alone: that of all levels, however they are cut."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from luce.server.music.onsets import Rises, onset_envelope
from luce.server.music.spectra import FloatArray, Track


def _by_all_levels(levels: FloatArray) -> FloatArray:
    """The envelope with every level at hand."""
    floor = np.float32(max(float(levels.max()) - 55.0, -85.0))
    heard = np.maximum(levels, floor)
    near = scipy.ndimage.maximum_filter1d(heard, 3, axis=1)
    before = np.concatenate([np.full((2, 40), floor), near])[: len(heard)]
    result: FloatArray = np.clip(heard - before, 0, 20).mean(axis=1)
    return result


def _levels(seed: int, frames: int, loudest: float) -> FloatArray:
    """Levels that grow louder, some of them far below the loudest, some equal to their neighbours."""
    random = np.random.default_rng(seed)
    levels = random.uniform(-130, loudest, (frames, 40)) + np.linspace(-40, 0, frames)[:, None]
    return np.round(levels, int(random.integers(0, 3))).astype(np.float32)


@given(
    seed=st.integers(0, 1000),
    frames=st.integers(1, 60),
    loudest=st.floats(-120, 0),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_the_envelope_of_stretches_is_that_of_all_levels(
    seed: int, frames: int, loudest: float, cuts: list[int]
) -> None:
    levels = _levels(seed, frames, loudest)
    rises = Rises()
    for part in np.split(levels, sorted(min(cut, frames) for cut in cuts)):
        rises.feed(part)
    np.testing.assert_array_equal(rises.envelope(), _by_all_levels(levels))


def test_the_envelope_of_a_long_piece_is_that_of_all_levels() -> None:
    levels = _levels(1, 6000, -3.0)
    np.testing.assert_array_equal(onset_envelope(levels), _by_all_levels(levels))


def test_a_louder_end_silences_what_rose_before() -> None:
    quiet, loud = np.full((3, 40), -80, np.float32), np.full((1, 40), -5, np.float32)
    rises = Rises()
    rises.feed(np.concatenate([np.full((3, 40), -85, np.float32), quiet]))
    assert rises.envelope().max() > 0
    rises.feed(loud)
    envelope = rises.envelope()
    assert envelope[:-1].max() == 0
    assert envelope[-1] == 20


def test_a_track_keeps_rows_in_their_order() -> None:
    track, flat = Track(width=3), Track(np.float64)
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    for part in (rows[:1], rows[1:1], rows[1:]):
        track.add(part)
        flat.add(part[:, 0])
    np.testing.assert_array_equal(track.whole(), rows)
    np.testing.assert_array_equal(flat.whole(), rows[:, 0])
    assert track.whole().dtype == np.float32
    assert flat.whole().dtype == np.float64
