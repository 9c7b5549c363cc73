"""Windows of a stream are those of the whole recording."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.log_mel import log_mel_windows, resample
from luce.server.music.mel_windows import MelWindows
from luce.server.music.spectra import SAMPLE_RATE

TEN = 10 * SAMPLE_RATE
NOISE = (0.1 * np.random.default_rng(5).standard_normal(4 * TEN)).astype(np.float32)


def streamed(samples: np.ndarray, cuts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    windows = MelWindows()
    edges = [0, *sorted(min(cut, samples.size) for cut in cuts), samples.size]
    told = [window for a, b in itertools.pairwise(edges) for window in windows.feed(samples[a:b])]
    starts, mels = zip(*told, *windows.finish(), strict=True)
    return np.array(starts), np.stack(mels)


@pytest.mark.parametrize("size", [1, 6615, TEN - 441, TEN, TEN + 5, TEN + 12345, 2 * TEN, 3 * TEN + 220])
def test_windows_are_those_of_the_whole(size: int) -> None:
    starts, mels = log_mel_windows(resample(NOISE[:size]))
    found, told = streamed(NOISE[:size], [7, TEN - 3, TEN + 2 * 441, 2 * TEN])
    np.testing.assert_allclose(found, starts, atol=1e-4)
    np.testing.assert_allclose(told, mels, atol=2e-3)


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 3 * TEN), max_size=5))
def test_windows_are_the_same_however_the_signal_is_cut(cuts: list[int]) -> None:
    samples = NOISE[: 2 * TEN + 54321]
    one, other = streamed(samples, []), streamed(samples, cuts)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
