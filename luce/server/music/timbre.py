"""The colour of a sound by frame: where its energy lies in the spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from luce.server.music.spectra import FloatArray, frequencies, magnitude_blocks

#: Frames of 2048 samples every 512 samples, the same as the onset envelope's.
TIMBRE_FFT = 2048
TIMBRE_HOP = 512

_LOW_HZ, _HIGH_HZ = 250.0, 3000.0
_ROLLOFF = 0.85
_QUIETEST = 1e-10


@dataclass(frozen=True)
class Timbre:
    """Spectral shape by frame, each (T,) float32.

    Attributes:
        level: power in dB of full scale, at least -100.
        centroid: centre of the power spectrum, in octaves above 1 kHz.
        rolloff: frequency below which 85 % of the power lies, in octaves above 1 kHz.
        flatness: geometric by arithmetic mean of the power spectrum in dB; 0 for white noise, far below for tones.
        low_share: share of the power below 250 Hz, 0 to 1.
        high_share: share of the power above 3 kHz, 0 to 1.
    """

    level: FloatArray
    centroid: FloatArray
    rolloff: FloatArray
    flatness: FloatArray
    low_share: FloatArray
    high_share: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Timbre]) -> Timbre:
        """Stretches one after the other, at least one."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def timbre(samples: FloatArray) -> Timbre:
    """Measure mono samples at 22050 Hz. Frames of digital silence have level -100 and zero elsewhere."""
    return Timbre.joined([timbre_of(part) for part in magnitude_blocks(samples, TIMBRE_FFT, TIMBRE_HOP)])


def timbre_of(magnitude: FloatArray) -> Timbre:
    """Measure frames by their magnitudes (T, 1025)."""
    bins = frequencies(TIMBRE_FFT)[1:]
    power = np.square(magnitude[:, 1:])
    total = power.sum(axis=1)
    heard = total > _QUIETEST
    safe = np.where(heard, total, 1)
    centroid = power @ bins / safe
    cumulative = np.cumsum(power, axis=1)
    rolloff = bins[np.minimum((cumulative < _ROLLOFF * total[:, None]).sum(axis=1), bins.size - 1)]
    geometric = np.log10(np.maximum(power, np.float32(1e-14))).mean(axis=1)
    values = np.stack(
        [
            np.log2(np.maximum(centroid, 20) / 1000),
            np.log2(np.maximum(rolloff, 20) / 1000),
            10 * (geometric - np.log10(safe / bins.size)),
            cumulative[:, int((bins <= _LOW_HZ).sum()) - 1] / safe,
            1 - cumulative[:, int((bins <= _HIGH_HZ).sum()) - 1] / safe,
        ]
    )
    level = 10 * np.log10(np.maximum(total, _QUIETEST))
    return Timbre(*np.concatenate([level[None], np.where(heard, values, 0)]).astype(np.float32))
