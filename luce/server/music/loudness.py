"""Loudness by ITU-R BS.1770-5 and EBU Tech 3342, of one channel or of two.

The weight of left, right and of a single channel is 1. A stereo programme mixed down by averaging measures lower than
its stereo loudness: by 3 LU if its channels are alike, by 6 LU if they are unrelated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal

from luce.server.music.spectra import SAMPLE_RATE, FloatArray, Track, as_mono

#: Absolute gate of BS.1770, and the value given for silence, in LUFS.
SILENCE_LUFS = -70.0
#: RMS level given for digital silence, in dBFS.
SILENCE_DBFS = -100.0

#: Gating blocks of 400 ms that overlap by 75 %.
BLOCK_SECONDS = 0.4
BLOCK_HOP_SECONDS = 0.1

_OFFSET_LUFS = -0.691
_RELATIVE_GATE_LU = 10.0
_RANGE_GATE_LU = 20.0
_RANGE_WINDOW_SECONDS = 3.0


@dataclass(frozen=True)
class Loudness:
    """How loud a signal is.

    Attributes:
        integrated_lufs: gated loudness of the whole, in LUFS; -70 for silence.
        range_lu: loudness range (EBU Tech 3342: 10th to 95th percentile of gated 3-s loudness), in LU; 0 where the
            signal is shorter than 3 s or silent.
        rms_dbfs: root mean square level in dB of full scale; -100 for silence.
        peak_dbfs: largest sample in dB of full scale; -100 for silence.
        crest_db: peak minus RMS, in dB; 0 for silence.
    """

    integrated_lufs: float
    range_lu: float
    rms_dbfs: float
    peak_dbfs: float
    crest_db: float


def _k_weighting(sample_rate: int) -> npt.NDArray[np.float64]:
    """The two filters of BS.1770 as second-order sections, designed for this sample rate.

    The standard prints coefficients for 48 kHz only; these are its analogue prototypes (a high shelf of +4 dB at
    1682 Hz, a high-pass at 38 Hz), as recovered by De Man (2014, "Evaluation of implementations of the EBU R128
    loudness measurement"), under the bilinear transform.
    """
    k = np.tan(np.pi * 1681.974450955533 / sample_rate)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    norm = 1 + k / q + k * k
    shelf = [
        (gain + middle * k / q + k * k) / norm,
        2 * (k * k - gain) / norm,
        (gain - middle * k / q + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / q + k * k) / norm,
    ]
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm]
    return np.array([shelf, high_pass])


class LoudnessMeter:
    """Measures a signal that comes in pieces.

    Args:
        sample_rate: Hz.
        channels: one, whose pieces are (n,), or two, whose pieces are (n, 2) and whose squares are added.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE, channels: int = 1) -> None:
        self._step = round(BLOCK_HOP_SECONDS * sample_rate)
        self._sections = _k_weighting(sample_rate)
        self._state = np.zeros((2, 2) if channels == 1 else (2, 2, channels))
        self._steps = Track(np.float64)
        self._held = np.zeros(0)
        self._samples, self._values = 0, 0
        self._squares = self._peak = 0.0

    def feed(self, samples: FloatArray) -> None:
        """Take the next samples, float32."""
        if not len(samples):
            return
        filtered, self._state = scipy.signal.sosfilt(self._sections, samples, axis=0, zi=self._state)
        squares = np.square(filtered)
        if squares.ndim == 2:
            squares = squares.sum(axis=1)
        squares = np.concatenate([self._held, squares])
        whole = squares.size - squares.size % self._step
        self._steps.add(squares[:whole].reshape(-1, self._step).sum(axis=1))
        self._held = squares[whole:]
        self._samples += len(samples)
        self._values += samples.size
        self._squares += float(np.square(samples).sum(dtype=np.float64))
        self._peak = max(self._peak, float(np.abs(samples).max()))

    def powers(self) -> npt.NDArray[np.float64]:
        """What :func:`block_powers` gives of all that came, at least one sample."""
        steps = self._steps.whole()
        per_block = round(BLOCK_SECONDS / BLOCK_HOP_SECONDS)
        if steps.size < per_block:
            return np.array([(steps.sum() + self._held.sum()) / self._samples])
        return np.convolve(steps, np.ones(per_block), mode="valid") / (per_block * self._step)

    def loudness(self) -> Loudness:
        """The loudness of all that came, at least one sample."""
        blocks, floor = self.powers(), 10 ** (SILENCE_DBFS / 20)
        rms = 20 * np.log10(max(float(np.sqrt(self._squares / self._values)), floor))
        peak = 20 * np.log10(max(self._peak, floor))
        return Loudness(
            integrated_lufs=integrated(blocks),
            range_lu=loudness_range(blocks),
            rms_dbfs=float(rms),
            peak_dbfs=float(peak),
            crest_db=float(peak - rms),
        )


def block_powers(samples: FloatArray, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.float64]:
    """K-weighted mean squares of the 400-ms blocks, one every 100 ms; at least one, of the whole, if shorter.

    Args:
        samples: (n,), or (n, 2) of left and right, whose squares are added.
        sample_rate: Hz.
    """
    return _measured(samples, sample_rate).powers()


def _measured(samples: FloatArray, sample_rate: int) -> LoudnessMeter:
    meter = LoudnessMeter(sample_rate, 1 if samples.ndim == 1 else samples.shape[1])
    # In pieces of ten seconds, so that a long signal never stands in memory in float64.
    for start in range(0, len(samples), 10 * sample_rate):
        meter.feed(samples[start : start + 10 * sample_rate])
    return meter


def lufs(power: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """Loudness of K-weighted mean squares, in LUFS, at least -70."""
    floor = 10 ** ((SILENCE_LUFS - _OFFSET_LUFS) / 10)
    return np.asarray(_OFFSET_LUFS + 10 * np.log10(np.maximum(power, floor)), dtype=np.float64)


def integrated(powers: npt.NDArray[np.float64]) -> float:
    """Gated loudness of the block powers: blocks above -70 LUFS, then those above the mean minus 10 LU."""
    audible = powers[lufs(powers) > SILENCE_LUFS]
    if audible.size == 0:
        return SILENCE_LUFS
    gate = lufs(audible.mean()) - _RELATIVE_GATE_LU
    return float(lufs(audible[lufs(audible) > gate].mean()))


def loudness_range(powers: npt.NDArray[np.float64]) -> float:
    """Loudness range in LU from block powers, by EBU Tech 3342, with 3-s windows every 100 ms."""
    # A mean over 27 overlapping blocks spans 3 s; its edges weigh less than in the standard's plain window.
    size = round((_RANGE_WINDOW_SECONDS - BLOCK_SECONDS) / BLOCK_HOP_SECONDS) + 1
    if powers.size < size:
        return 0.0
    windows = np.convolve(powers, np.ones(size) / size, mode="valid")
    audible = windows[lufs(windows) > SILENCE_LUFS]
    if audible.size == 0:
        return 0.0
    gated = lufs(audible[lufs(audible) > lufs(audible.mean()) - _RANGE_GATE_LU])
    low, high = np.percentile(gated, [10, 95])
    return float(high - low)


def measure(samples: npt.NDArray[Any]) -> Loudness:
    """Measure mono samples at 22050 Hz."""
    return _measured(as_mono(samples), SAMPLE_RATE).loudness()
