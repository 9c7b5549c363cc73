"""The metre, and which level of the pulse is the beat, told from the notes on a grid of the pulse.

Two networks (:mod:`luce.server.music.metre_network`) look at the grid of the pulse that was found and at those of other
pulses that it may be a multiple of; what they say of the metre is joined. They were trained by ``python -m
training.metre.train`` on notes of POP909, Nottingham, classical MIDI, VGMIDI and made-up broken chords: transcribed
from renderings, and written ones spoiled as a transcription spoils them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.metre_features import metre_features
from luce.server.music.metre_layout import lay_out
from luce.server.music.metre_network import MetreNetwork
from luce.server.music.notes import Notes
from luce.server.music.pulse import Pulse

#: The metres told apart, by what is counted: 2/4 and 2/2 go with 4/4, 3/8 with 3/4, 12/8 with 6/8.
METRES = ("4/4", "3/4", "6/8")
_BEATS_PER_BAR = {"4/4": 4, "3/4": 3, "6/8": 2}
#: Lengths of the beat that the networks know, in pulses.
RATIOS = (1 / 3, 1 / 2, 2 / 3, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)
#: Below this confidence no metre is named.
CLEAR_METRE_CONFIDENCE = 0.4
#: Lengths of pulses that are looked at beside the one that was found, which comes first, and between which (seconds).
_GRIDS = (1.0, 1 / 2, 2.0, 2 / 3, 3 / 2)
_PERIODS = (0.12, 2.0)
#: What the networks say together is raised to this power; with it, held-out pieces are as often right as it says.
_SHARPNESS = 1.7
#: Fewer notes than these carry no metre.
_FEWEST_NOTES = 20
#: A longer piece is told by so many seconds around its middle note.
_MOST_SECONDS = 90.0
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
    notes, pulse = _middle(notes, pulse)
    if notes.count < _FEWEST_NOTES:
        return NO_METRE, np.full(len(RATIOS), 1 / len(RATIOS))
    metres, ratios = classify(notes, pulse)
    best = int(metres.argmax())
    confidence = float(metres[best])
    if confidence < CLEAR_METRE_CONFIDENCE:
        return MetreEstimate(None, None, confidence), ratios
    return MetreEstimate(METRES[best], _BEATS_PER_BAR[METRES[best]], confidence), ratios


def classify(notes: Notes, pulse: Pulse) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Probabilities of :data:`METRES`, (3,), and of :data:`RATIOS`, (9,)."""
    logarithms: list[npt.NDArray[np.float64]] = []
    ratios: list[npt.NDArray[np.float64]] = []
    for times in _GRIDS:
        grid = Pulse(pulse.times, pulse.periods * times)
        if times != 1.0 and not _PERIODS[0] < grid.period < _PERIODS[1]:
            continue
        layout, features = lay_out(notes, grid), metre_features(notes, grid)
        said = np.stack([network(layout, features) for network in _networks()])
        logarithms.append(np.log(_softmax(said[:, : len(METRES)]).mean(axis=0) + 1e-4))
        if times == 1.0:
            ratios.append(np.asarray(_softmax(said[:, len(METRES) :]).mean(axis=0), np.float64))
    return _softmax(_SHARPNESS * np.mean(logarithms, axis=0)), ratios[0]


def _middle(notes: Notes, pulse: Pulse) -> tuple[Notes, Pulse]:
    """The stretch around the middle note; around half of the time there may be silence."""
    if not notes.count:
        return notes, pulse
    start = max(0.0, float(notes.onset_s[notes.count // 2]) - _MOST_SECONDS / 2)
    return notes.between(start, start + _MOST_SECONDS), Pulse(pulse.times - start, pulse.periods)


def _softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: npt.NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


@lru_cache(maxsize=1)
def _networks() -> tuple[MetreNetwork, ...]:
    """The networks whose weights, float16, lie beside this file as ``0.stem.weight``, ``1.stem.weight`` and so on."""
    found: dict[str, dict[str, npt.NDArray[np.floating]]] = {}
    with np.load(_WEIGHTS) as stored:
        for name, value in stored.items():
            member, _, parameter = name.partition(".")
            found.setdefault(member, {})[parameter] = value
    return tuple(MetreNetwork(found[member]) for member in sorted(found))
