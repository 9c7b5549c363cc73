"""The metre, and which level of the pulse is the beat, told from how the notes repeat at multiples of the pulse.

A small perceptron reads the repetition of four streams (onsets, long notes, bass, pitch classes) at eighteen lags. It
was trained by ``python -m training.metre.train`` on notes of POP909, Nottingham, classical MIDI and made-up broken
chords, spoiled as a transcription spoils them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from luce.server.music.notes import Notes
from luce.server.music.pulse import Pulse
from luce.server.music.spectra import FloatArray

#: Lags, in pulses, at which the metre's features are taken.
LAGS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 5 / 2, 3.0, 4.0, 9 / 2, 5.0, 6.0, 8.0, 9.0, 12.0)
#: A note is of the bass where none is lower within so many pulses.
_BASS_REACH = 2.1
#: Bins a pulse on which the music is laid out.
_BINS = 24
_STREAMS = 4

#: The metres told apart, by what is counted: 2/4 and 2/2 go with 4/4, 3/8 with 3/4, 12/8 with 6/8.
METRES = ("4/4", "3/4", "6/8")
_BEATS_PER_BAR = {"4/4": 4, "3/4": 3, "6/8": 2}
#: Lengths of the beat that the classifier knows, in pulses.
RATIOS = (1 / 3, 1 / 2, 2 / 3, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)
#: Below this confidence no metre is named.
CLEAR_METRE_CONFIDENCE = 0.4
#: Fewer notes than these carry no metre.
_FEWEST_NOTES = 20
_WEIGHTS = Path(__file__).with_name("metre_weights.npz")


@dataclass(frozen=True)
class MetreEstimate:
    """The metre.

    Attributes:
        name: "4/4", "3/4" or "6/8"; None where none is clear.
        beats_per_bar: 4, 3 or 2 (of three eighths each); None where none is clear.
        confidence: 0 to 1; at least 0.4 where a metre is named.
    """

    name: str | None
    beats_per_bar: int | None
    confidence: float


NO_METRE = MetreEstimate(None, None, 0.0)


def estimate_metre(notes: Notes, pulse: Pulse) -> tuple[MetreEstimate, npt.NDArray[np.float64]]:
    """The metre, and the probability of each of :data:`RATIOS`, (9,); a uniform one for too few notes."""
    if notes.count < _FEWEST_NOTES:
        return NO_METRE, np.full(len(RATIOS), 1 / len(RATIOS))
    metres, ratios = classify(metre_features(notes, pulse))
    best = int(metres.argmax())
    confidence = float(metres[best])
    if confidence < CLEAR_METRE_CONFIDENCE:
        return MetreEstimate(None, None, confidence), ratios
    return MetreEstimate(METRES[best], _BEATS_PER_BAR[METRES[best]], confidence), ratios


def classify(features: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Probabilities of :data:`METRES` and of :data:`RATIOS` from features (74,)."""
    weights = _weights()
    values = np.clip((features - weights["mean"]) / weights["scale"], -4, 4).astype(np.float64)
    metres, ratios = np.zeros(len(METRES)), np.zeros(len(RATIOS))
    members = weights["inner"].shape[0]
    for index in range(members):
        hidden = np.tanh(values @ weights["inner"][index] + weights["inner_bias"][index])
        logits = hidden @ weights["outer"][index] + weights["outer_bias"][index]
        metres += _softmax(logits[: len(METRES)]) / members
        ratios += _softmax(logits[len(METRES) :]) / members
    return metres, ratios


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = np.exp(logits - logits.max())
    result: npt.NDArray[np.float64] = shifted / shifted.sum()
    return result


@lru_cache(maxsize=1)
def _weights() -> dict[str, npt.NDArray[np.float32]]:
    with np.load(_WEIGHTS) as stored:
        return dict(stored)


def metre_features(notes: Notes, pulse: Pulse) -> FloatArray:
    """What the classifier reads, (74,) float32: repetition at each lag of four streams, the pulse, and the density.

    The streams, laid out in pulses so that drift is gone: onsets, onsets weighted by length, onsets of the bass, and
    pitch classes.
    """
    begin, end = pulse.phase(notes.onset_s), pulse.phase(notes.offset_s)
    span = max(float(end.max(initial=0.0)), 2 * LAGS[-1])
    size = int(np.ceil(span * _BINS)) + 1
    place = np.clip(np.rint(begin * _BINS).astype(np.int64), 0, size - 1)
    lengths = np.minimum(end - begin, 4.0)
    low = notes.pitch <= _lowest_around(begin, notes.pitch)
    streams = [
        np.bincount(place, weights=weights, minlength=size)
        for weights in (notes.amplitude, notes.amplitude * lengths, notes.amplitude * low)
    ]
    rows = [_repetition(scipy.ndimage.gaussian_filter1d(np.sqrt(stream), 1.2)) for stream in streams]
    chroma = np.zeros((12, size))
    np.add.at(chroma, (notes.pitch % 12, place), np.sqrt(np.maximum(lengths, 0.05)))
    rows.append(_repetition(scipy.ndimage.gaussian_filter1d(chroma, _BINS / 8, axis=1)))
    period = pulse.period
    density = notes.count / max(span, 1.0)
    return np.concatenate([*rows, [np.log2(period / 0.5), np.log2(0.25 + density)]]).astype(np.float32)


FEATURE_COUNT = _STREAMS * len(LAGS) + 2


def _repetition(stream: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Normalised autocorrelation of a stream (..., T) at the lags, over all its rows."""
    rows = np.atleast_2d(stream)
    rows = rows - rows.mean(axis=1, keepdims=True)
    energy = max(float(np.square(rows).sum()), 1e-9)
    found = []
    for lag in LAGS:
        shift = round(lag * _BINS)
        kept = rows.shape[1] - shift
        found.append(float((rows[:, shift:] * rows[:, :-shift]).sum()) / energy * rows.shape[1] / max(kept, 1))
    return np.array(found)


def _lowest_around(begin: npt.NDArray[np.float64], pitch: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """For each note, the lowest pitch that begins within two pulses of it, plus two semitones."""
    order = np.maximum.accumulate(begin)
    first = np.searchsorted(order, begin - _BASS_REACH)
    last = np.searchsorted(order, begin + _BASS_REACH, side="right")
    return np.array([float(pitch[a:b].min()) + 2 for a, b in zip(first, last, strict=True)])
