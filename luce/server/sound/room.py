"""The room around the instruments: convolution with a synthetic impulse response, block by block."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

FloatArray = npt.NDArray[np.float32]

_PRE_DELAY_S: Final = 0.018
_SEED: Final = 1911
# High notes die away faster: their share of the decay time at the top of the spectrum.
_HIGH_DECAY: Final = 0.35
_BANDS: Final = ((0.0, 500.0, 1.0), (500.0, 2000.0, 0.9), (2000.0, 6000.0, 0.6), (6000.0, None, _HIGH_DECAY))
_LOW_CUT_HZ: Final = 120.0


def impulse_response(decay_s: float, sample_rate: int) -> FloatArray:
    """Decaying noise of two unlike channels, (n, 2), of energy 1 each: a diffuse hall (Moorer 1979).

    Noise in four bands decays by 60 dB in `decay_s` seconds at the bottom of the spectrum and faster above it, as air
    and walls swallow high tones; what lies under 120 Hz is left dry. It is drawn from a fixed seed.

    Args:
        decay_s: RT60, seconds, > 0.
        sample_rate: Hz.
    """
    count = round(decay_s * sample_rate)
    noise = np.random.default_rng(_SEED).standard_normal((count, 2))
    times = np.arange(count)[:, np.newaxis] / sample_rate
    spectrum = scipy.fft.rfft(noise, axis=0)
    frequencies = scipy.fft.rfftfreq(count, 1 / sample_rate)[:, np.newaxis]
    response = np.zeros_like(noise)
    for low, high, share in _BANDS:
        inside = (frequencies >= low) & (frequencies < (high or np.inf))
        band = scipy.fft.irfft(spectrum * inside, count, axis=0)
        response += band * 10 ** (-3 * times / (decay_s * share))
    response = scipy.signal.sosfilt(
        scipy.signal.butter(2, _LOW_CUT_HZ, "high", fs=sample_rate, output="sos"), response, 0
    )
    response *= np.minimum(1.0, times / 0.01)
    response /= np.sqrt(np.square(response).sum(axis=0))
    return np.concatenate([np.zeros((round(_PRE_DELAY_S * sample_rate), 2)), response]).astype(np.float32)


class Room:
    """Adds the room's sound to a stream of blocks.

    Args:
        response: (m, 2), of `impulse_response`; None: no room.
        share: Amplitude of the room's sound beside the direct one.
    """

    def __init__(self, response: FloatArray | None, share: float) -> None:
        self._response = response if share > 0 else None
        self._share = share
        self._tail = np.zeros((0, 2), np.float32)

    def add(self, block: FloatArray) -> FloatArray:
        """The next block with its room, (n, 2); what rings on comes with the blocks after it."""
        if self._response is None or not len(block):
            return block
        wet = scipy.signal.oaconvolve(block, self._response, axes=0).astype(np.float32)
        wet[: len(self._tail)] += self._tail[: len(wet)]
        if len(self._tail) > len(wet):
            wet = np.concatenate([wet, self._tail[len(wet) :]])
        self._tail = wet[len(block) :]
        result: FloatArray = block + np.float32(self._share) * wet[: len(block)]
        return result
