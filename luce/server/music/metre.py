"""The metre, and which level of the pulse is the beat, told from how the notes repeat at multiples of the pulse.

A few small perceptrons read :func:`luce.server.music.metre_features.metre_features`. They were trained by ``python -m
training.metre.train`` on notes of POP909, Nottingham, classical MIDI and made-up broken chords: transcribed from
renderings, and written ones spoiled as a transcription spoils them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.metre_features import metre_features
from luce.server.music.notes import Notes
from luce.server.music.pulse import Pulse
from luce.server.music.spectra import FloatArray

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
    """Probabilities of :data:`METRES` and of :data:`RATIOS` from features (242,)."""
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
