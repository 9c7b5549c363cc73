"""Spectra: scaled as documented, and the same in one block or many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.music import spectra
from tests.server.music import signals


def test_a_full_scale_sine_peaks_at_one() -> None:
    blocks = list(spectra.magnitude_blocks(signals.sine(1000, 1, gain=1.0), 2048, 512))
    assert blocks[0][20].max() == pytest.approx(1.0, abs=0.16)
    centred = spectra.SAMPLE_RATE / 2048 * 93
    exact = next(spectra.magnitude_blocks(signals.sine(centred, 1, gain=1.0), 2048, 512))
    assert exact[20].argmax() == 93
    assert exact[20].max() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("length", [1, 511, 512, 2048, 512 * 1024 - 1, 512 * 1024, 512 * 1030 + 7])
def test_the_frames_of_all_blocks_are_those_of_the_whole(length: int) -> None:
    samples = np.random.default_rng(1).standard_normal(length).astype(np.float32)
    joined = np.concatenate(list(spectra.magnitude_blocks(samples, 2048, 512)))
    assert len(joined) == spectra.frame_count(length, 512)
    window = np.hanning(2049)[:-1]
    for frame in {0, len(joined) // 2, len(joined) - 1}:
        piece = np.pad(samples, 1024)[frame * 512 : frame * 512 + 2048].astype(np.float64)
        expected = np.abs(np.fft.rfft(np.pad(piece, (0, 2048 - piece.size)) * window)) * 2 / window.sum()
        np.testing.assert_allclose(joined[frame], expected, atol=1e-5)


@given(cuts=st.lists(st.integers(0, 9000), max_size=6))
def test_frames_are_the_same_however_the_signal_is_cut(cuts: list[int]) -> None:
    samples = np.random.default_rng(2).standard_normal(9000).astype(np.float32)
    stream = spectra.FrameStream(2048, 512)
    edges = [0, *sorted(cuts), samples.size]
    parts = [stream.feed(samples[a:b]) for a, b in itertools.pairwise(edges)]
    whole = np.concatenate(list(spectra.magnitude_blocks(samples, 2048, 512)))
    np.testing.assert_array_equal(np.concatenate([*parts, stream.finish()]), whole)


def test_no_mel_band_is_empty() -> None:
    assert spectra.mel_filters(64, 2048, 30.0, 11025.0).sum(axis=0) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros((2, 100)), np.array([0.0, np.nan]), np.array([np.inf])],
    ids=["empty", "two channels", "not a number", "infinite"],
)
def test_a_signal_that_is_not_finite_mono_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(InvalidArgument) as caught:
        spectra.as_mono(samples)
    assert caught.value.field == "samples"
