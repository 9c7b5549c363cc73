"""Spectra of a mono signal: the short-time Fourier transform, also of a signal that comes in pieces, and mel bands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from luce.errors import InvalidArgument

FloatArray: TypeAlias = npt.NDArray[np.float32]

#: Samples a second that every analysis here works at.
SAMPLE_RATE = 22050

#: Frames transformed at a time, which bounds the memory of long signals.
_BLOCK_FRAMES = 1024


def as_mono(samples: npt.NDArray[Any]) -> FloatArray:
    """Check a signal and return it as contiguous float32 (N,).

    Raises :class:`luce.errors.InvalidArgument` for another shape, an empty signal or values that are not finite.
    """
    signal = np.ascontiguousarray(samples, dtype=np.float32)
    if signal.ndim != 1:
        raise InvalidArgument(f"samples must be one channel, got shape {signal.shape}", field="samples", limit="(N,)")
    if signal.size == 0:
        raise InvalidArgument("samples must not be empty", field="samples", limit="at least 1")
    if not np.isfinite(signal).all():
        raise InvalidArgument("samples must be finite numbers", field="samples", limit="finite")
    return signal


def frame_count(length: int, hop: int) -> int:
    """Number of frames of a signal of ``length`` samples; frame t is centred on sample t * hop."""
    return 1 + length // hop


class Track:
    """Rows that come in stretches, kept one after the other in one piece of memory that grows where it is.

    A list of many small arrays would leave holes between what is worked with meanwhile, and be twice as large as
    it is joined.

    Args:
        dtype: of the values.
        width: values of a row; None where a row is one value.
    """

    def __init__(self, dtype: npt.DTypeLike = np.float32, width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = (-1,) if width is None else (-1, width)
        self._bytes = bytearray()

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Take the next rows, (n,) or (n, width). Not while somebody holds :meth:`whole`."""
        self._bytes += np.ascontiguousarray(rows, self._dtype).tobytes()

    def whole(self) -> npt.NDArray[Any]:
        """All rows; the track's own memory, which may be written to."""
        return np.frombuffer(self._bytes, self._dtype).reshape(self._shape)


class FrameStream:
    """Magnitudes of the frames of a signal that comes in pieces, the same however it is cut.

    Frames are centred (the signal is padded with zeros by half a frame on each side) and weighted by a periodic Hann
    window. Magnitudes are scaled so that a sine of amplitude 1 has a peak of 1.

    Args:
        fft_size: samples of a frame.
        hop: samples from one frame to the next.
    """

    def __init__(self, fft_size: int, hop: int) -> None:
        self._fft_size, self._hop = fft_size, hop
        window = scipy.signal.get_window("hann", fft_size).astype(np.float32)
        self._window = window * np.float32(2.0 / window.sum())
        self._held = np.zeros(fft_size // 2, np.float32)
        self._length = self._given = 0

    def feed(self, samples: FloatArray) -> FloatArray:
        """Take the next samples (n,); the magnitudes (frames, fft_size / 2 + 1) float32 that they complete."""
        self._length += samples.size
        self._held = np.concatenate([self._held, samples])
        return self._take((self._held.size - self._fft_size) // self._hop + 1)

    def finish(self) -> FloatArray:
        """The magnitudes of the frames at the end: of ``frame_count`` frames in all, those that were not given."""
        left = frame_count(self._length, self._hop) - self._given
        missing = (left - 1) * self._hop + self._fft_size - self._held.size
        self._held = np.pad(self._held, (0, max(0, missing)))
        return self._take(left)

    def _take(self, count: int) -> FloatArray:
        if count <= 0:
            return np.zeros((0, self._fft_size // 2 + 1), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._held, self._fft_size)[:: self._hop][:count]
        self._given += count
        magnitudes: FloatArray = np.abs(scipy.fft.rfft(frames * self._window, axis=1)).astype(np.float32, copy=False)
        self._held = self._held[count * self._hop :].copy()
        return magnitudes


def magnitude_blocks(samples: FloatArray, fft_size: int, hop: int) -> Iterator[FloatArray]:
    """Magnitudes of a whole signal (:class:`FrameStream`), about a thousand frames at a time."""
    stream = FrameStream(fft_size, hop)
    for start in range(0, samples.size, _BLOCK_FRAMES * hop):
        yield stream.feed(samples[start : start + _BLOCK_FRAMES * hop])
    yield stream.finish()


def frequencies(fft_size: int) -> FloatArray:
    """Centre frequency of each bin in Hz, (fft_size / 2 + 1,)."""
    return np.fft.rfftfreq(fft_size, 1 / SAMPLE_RATE).astype(np.float32)


@lru_cache(maxsize=8)
def mel_filters(bands: int, fft_size: int, low_hz: float, high_hz: float) -> FloatArray:
    """Triangular mel filters (fft_size / 2 + 1, bands), each of unit sum.

    The mel scale is O'Shaughnessy's, 2595 log10(1 + f / 700). A band narrower than a bin takes the bin nearest to its
    centre, so that no band is empty.
    """
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (low_hz, high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    bins = frequencies(fft_size)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    filters[np.abs(bins - edges[1:-1][empty]).argmin(axis=0), empty] = 1
    result: FloatArray = (filters / filters.sum(axis=0)).astype(np.float32)
    result.setflags(write=False)
    return result
