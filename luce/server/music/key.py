"""The key of a piece, or the honest answer that it has none that can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.server.music.spectra import FloatArray

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

#: Temperley (2007), "Music and Probability", from the Kostka-Payne corpus: share of segments that hold each degree.
MAJOR_PROFILE = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
MINOR_PROFILE = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)

#: Below this confidence no key is named.
CLEAR_KEY_CONFIDENCE = 0.5

#: A bass that rests on the tonic or the fifth speaks for that key; pop minor keys are otherwise taken for their
#: relative major. Added to the correlation for a bass on it all the time; chosen on 120 songs of POP909.
_TONIC_BASS, _FIFTH_BASS, _MINOR_BONUS = 0.4, 0.2, 0.04
#: Another key is worth telling where it is so little worse, at most so many.
_NEAR, _MOST_ALTERNATIVES = 0.2, 3
#: Notes above this (G3) are not bass.
_HIGHEST_BASS = 55

_CENTRED = np.array([MAJOR_PROFILE, MINOR_PROFILE])
_CENTRED = _CENTRED - _CENTRED.mean(axis=1, keepdims=True)
_CENTRED = _CENTRED / np.linalg.norm(_CENTRED, axis=1, keepdims=True)
#: (24, 12): twelve major keys, C first, then twelve minor keys.
_TEMPLATES = np.stack([np.roll(profile, tonic) for profile in _CENTRED for tonic in range(12)])


@dataclass(frozen=True)
class KeyEstimate:
    """The key.

    Attributes:
        tonic: pitch class of the tonic, 0 = C to 11 = B; None where no key is clear.
        mode: "major" or "minor"; None where no key is clear.
        name: for example "A minor"; "no clear key" otherwise.
        confidence: 0 to 1; at least 0.5 where a key is named.
        mode_score: best correlation of a major key minus best of a minor key, about -0.4 (minor) to 0.4 (major).
        clarity: correlation of the best key, -1 to 1.
        alternatives: names of the next likely keys, at most three, likelier first; empty where no key is clear.
    """

    tonic: int | None
    mode: str | None
    name: str
    confidence: float
    mode_score: float
    clarity: float
    alternatives: tuple[str, ...] = ()


def correlations(chroma: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Pearson correlation of each chroma row (..., 12) with the 24 key profiles: (..., 24); 0 for a flat row."""
    centred = np.asarray(chroma, np.float64) - np.mean(chroma, axis=-1, keepdims=True, dtype=np.float64)
    norm = np.linalg.norm(centred, axis=-1, keepdims=True)
    unit = np.where(norm > 1e-9, centred / np.maximum(norm, 1e-9), 0)
    result: npt.NDArray[np.float64] = unit @ _TEMPLATES.T
    return result


def normalised(chroma: FloatArray) -> FloatArray:
    """Give every sounding frame the same say: rows of (T, 12) divided by their sum, to a power of a half of it."""
    total = chroma.sum(axis=1, keepdims=True)
    return np.where(total > 0, chroma / np.sqrt(np.maximum(total, 1e-9)), 0).astype(np.float32)


def bass_support(lowest_notes: FloatArray) -> npt.NDArray[np.float64]:
    """What the bass adds to the 24 keys' correlations, (24,), from the lowest note of each frame (T,), NaN for none."""
    notes = lowest_notes[np.isfinite(lowest_notes)]
    notes = notes[notes < _HIGHEST_BASS].astype(np.int64)
    share = np.bincount(notes % 12, minlength=12) / max(notes.size, 1)
    support = _TONIC_BASS * share + _FIFTH_BASS * np.roll(share, -7)
    return np.concatenate([support, support + _MINOR_BONUS])


def estimate_key(
    chroma: FloatArray, lowest_notes: FloatArray, tuning_agreement: float, tonal_share: float
) -> KeyEstimate:
    """Estimate the key of a whole piece.

    Args:
        chroma: (T, 12) float32 by frame, as from :func:`luce.server.music.pitch.chroma`.
        lowest_notes: (T,) MIDI numbers by frame, from :func:`luce.server.music.pitch.lowest_notes`.
        tuning_agreement: 0 to 1, from :func:`luce.server.music.pitch.tuning`.
        tonal_share: 0 to 1, mean share of the energy that lies at spectral peaks.
    """
    total = normalised(chroma).sum(axis=0, dtype=np.float64)
    if total.sum() <= 0:
        return KeyEstimate(None, None, "no clear key", 0.0, 0.0, 0.0)
    scores = correlations(total)
    supported = scores + bass_support(lowest_notes)
    order = np.argsort(-supported, kind="stable")
    best, ranked = int(order[0]), supported[order[::-1]]
    share = total / total.sum()
    spread = float(np.exp(-(share * np.log(np.maximum(share, 1e-12))).sum()))
    evidence = (
        _ramp(scores[best], 0.45, 0.75)
        * _ramp(ranked[-1] - ranked[-2], 0.0, 0.04, 0.6)
        # One or two pitch classes fit many keys: a scale or a cadence has at least three.
        * _ramp(spread, 2.5, 3.6)
        * _ramp(tuning_agreement, 0.12, 0.3)
        * _ramp(tonal_share, 0.1, 0.25)
        # A second of sound is a chord, not a key.
        * _ramp((chroma.sum(axis=1) > 0).sum(), 10, 30)
    )
    mode_score = float(scores[:12].max() - scores[12:].max())
    clarity = float(scores[best])
    confidence = float(evidence)
    if confidence < CLEAR_KEY_CONFIDENCE:
        return KeyEstimate(None, None, "no clear key", confidence, mode_score, clarity)
    near = [int(other) for other in order[1 : 1 + _MOST_ALTERNATIVES] if supported[best] - supported[other] < _NEAR]
    alternatives = tuple(_name(other) for other in near)
    mode = "major" if best < 12 else "minor"
    return KeyEstimate(best % 12, mode, _name(best), confidence, mode_score, clarity, alternatives)


def _name(key: int) -> str:
    """Name of one of the 24 keys."""
    return f"{PITCH_CLASSES[key % 12]} {'major' if key < 12 else 'minor'}"


def _ramp(value: float, low: float, high: float, start: float = 0.0) -> float:
    """``start`` at or below ``low``, 1 at or above ``high``, linear between."""
    return start + (1 - start) * float(np.clip((value - low) / (high - low), 0, 1))
