"""What a musician keeps in mind of the music so far, and of what is asked for, as small whole numbers.

Where in the bar one is, what bass and melody did last, where the last bar had its next onset, what stood at this place
the last time. A network that has seen little music would spend all of it on finding these out. They are worth much by
themselves too: counts of what follows each of them, multiplied, already predict most of the next token
(:mod:`training.midi_composer.counts`).

Each feature is a token, or 0 where there was none. In training they are computed for whole sequences (`features`), in
serving from step to step (`Memory`), where the cache carries the state. `facts` are the like of what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from luce.server.music.composing import tokens as vocabulary
from luce.server.music.composing.controls import CONTROL_SIZE, STYLES, slot
from luce.server.music.composing.score import BASS, HARMONY, MELODY


def _notes(role: int) -> tuple[int, int]:
    low, high = vocabulary.RANGES[role]
    first, last = vocabulary.note_tokens([role, role], [low, high - 1]).tolist()
    return first, last + 1


_BARS: Final = (vocabulary.FIRST_BAR, vocabulary.FIRST_POSITION)
_PLACES: Final = (vocabulary.FIRST_POSITION, vocabulary.FIRST_LENGTH)
_LENGTHS: Final = (vocabulary.FIRST_LENGTH, vocabulary.FIRST_NOTE)
_METRES: Final = (vocabulary.FIRST_METRE, vocabulary.FIRST_BAR)
_ANY: Final = (1, vocabulary.VOCABULARY_SIZE)

FEATURES: Final[dict[str, tuple[int, int]]] = {
    "token": _ANY,
    "bar": _BARS,
    "position": _PLACES,
    "length": _LENGTHS,
    "bass": _notes(BASS),
    "harmony": _notes(HARMONY),
    "melody": _notes(MELODY),
    "previous": _ANY,
    "melody_before": _notes(MELODY),
    "metre": _METRES,
    "next_onset": _PLACES,
    "melody_here": _notes(MELODY),
    "bass_here": _notes(BASS),
    "harmony_here": _notes(HARMONY),
    "length_here": _LENGTHS,
}
"""Each feature's tokens: the first, and the first after them.

`next_onset` is where the bar before had its first onset after this place; what is `_here` stood at this place last.
"""
COUNT: Final = len(FEATURES)

_EDGES: Final = (-1.0, -0.33, 0.33, 1.0)
FACTS: Final[dict[str, int]] = {
    "mode": 2,
    "brightness": 5,
    "density": 5,
    "length": 5,
    "register": 5,
    "texture": 5,
    "style": len(STYLES),
}
"""Facts of what is asked, and how many values each has beside 0, which is that it is not asked."""

#: Tokens fall into kinds, each with its own ways of going on: none, metre, bar, position, length, the three roles.
KIND_STARTS: Final = (0, *(low for low, _ in (_METRES, _BARS, _PLACES, _LENGTHS)), *(_notes(r)[0] for r in range(3)))
KINDS: Final = len(KIND_STARTS)

_P: Final = vocabulary.POSITIONS
#: The state: bar, position, length, bass, harmony, melody, previous, melody before, metre; then by place the melody,
#: bass, harmony and length that stood there last, and the onsets of the bar before and of this one.
STATE_SIZE: Final = 9 + 6 * _P


def kinds() -> npt.NDArray[np.int64]:
    """(V,) kind of each token."""
    found: npt.NDArray[np.int64] = np.searchsorted(KIND_STARTS, np.arange(vocabulary.VOCABULARY_SIZE), "right") - 1
    return found


def features(tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(T,) tokens to (T, COUNT), what is known once each of them is read."""
    bar = position = length = bass = harmony = melody = previous = before = metre = 0
    here = [[0] * _P for _ in range(4)]
    last_bar, this_bar = [0] * _P, [0] * _P
    bass_low, harmony_low, melody_low = (_notes(role)[0] for role in (BASS, HARMONY, MELODY))
    rows: list[tuple[int, ...]] = []
    for token in tokens.tolist():
        place = position - _PLACES[0]
        if token >= melody_low:
            before, melody = melody, token
            here[0][place] = token
        elif token >= harmony_low:
            harmony = here[2][place] = token
        elif token >= bass_low:
            bass = here[1][place] = token
        elif token >= _LENGTHS[0]:
            length = here[3][place] = token
        elif token >= _PLACES[0]:
            position = token
            place = position - _PLACES[0]
            this_bar[place] = 1
        elif token >= _BARS[0]:
            bar, position = token, 0
            last_bar, this_bar = this_bar, [0] * _P
        elif token >= _METRES[0]:
            metre = token
        following = next((q for q in range(place + 1 if position else 0, _P) if last_bar[q]), -1)
        stood = [row[place] if position else 0 for row in here]
        onset = following + _PLACES[0] if following >= 0 else 0
        scalars = (token, bar, position, length, bass, harmony, melody, previous, before, metre)
        rows.append((*scalars, onset, *stood))
        previous = token
    return np.array(rows, np.int64).reshape(-1, COUNT)


class Memory(nn.Module):
    """The features one step on, from the state that the step before left."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.arange(_P), persistent=False)

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Token (R,) and state (R, STATE_SIZE) float32, to features (R, COUNT) int64 and the next state."""
        old = state.long()
        bar, position, length, bass, harmony, melody, previous, before, metre = old[:, :9].unbind(1)
        tables = old[:, 9:].reshape(-1, 6, _P).unbind(1)
        is_bar = self._is(token, _BARS)
        bar = torch.where(is_bar, token, bar)
        position = torch.where(self._is(token, _PLACES), token, torch.where(is_bar, 0, position))
        length = torch.where(self._is(token, _LENGTHS), token, length)
        bass = torch.where(self._is(token, _notes(BASS)), token, bass)
        harmony = torch.where(self._is(token, _notes(HARMONY)), token, harmony)
        sung = self._is(token, _notes(MELODY))
        before = torch.where(sung, melody, before)
        melody = torch.where(sung, token, melody)
        metre = torch.where(self._is(token, _METRES), token, metre)
        at = self.places[None] == (position - _PLACES[0])[:, None]
        ranges = (_notes(MELODY), _notes(BASS), _notes(HARMONY), _LENGTHS)
        here = [
            torch.where(at & self._is(token, span)[:, None], token[:, None], table)
            for span, table in zip(ranges, tables[:4], strict=True)
        ]
        last_bar = torch.where(is_bar[:, None], tables[5], tables[4])
        this_bar = torch.where(is_bar[:, None], 0, tables[5])
        this_bar = torch.where(at & self._is(token, _PLACES)[:, None], 1, this_bar)
        # Before the first position of a bar every place is ahead.
        ahead = (last_bar > 0) & (self.places[None] > (position - _PLACES[0])[:, None])
        nearest = torch.where(ahead, self.places[None], _P).amin(1)
        following = torch.where(nearest < _P, nearest + _PLACES[0], 0)
        stood = [(table * at).sum(1) for table in here]
        scalars = (bar, position, length, bass, harmony, melody)
        found = torch.stack([token, *scalars, previous, before, metre, following, *stood], dim=1)
        after = torch.cat([torch.stack([*scalars, token, before, metre], dim=1), *here, last_bar, this_bar], dim=1)
        return found, after.float()

    @staticmethod
    def _is(token: Tensor, span: tuple[int, int]) -> Tensor:
        return (token >= span[0]) & (token < span[1])


def facts(controls: Tensor) -> Tensor:
    """(B, controls) vectors as `Controls.vector` makes them, to (B, facts) int64."""
    if controls.shape[1] != CONTROL_SIZE:
        raise ValueError(f"{controls.shape[1]} controls instead of {CONTROL_SIZE}")
    columns = []
    for name, values in FACTS.items():
        if name == "style":
            flags = controls[:, CONTROL_SIZE - len(STYLES) :]
            numbers = torch.arange(1, len(STYLES) + 1, dtype=controls.dtype)
            columns.append((flags * numbers).amax(1))
            continue
        value, known = controls[:, slot(name)], controls[:, slot(name) + 1]
        edges = _EDGES if values == 5 else (0.0,)
        steps = sum(((value > edge).to(controls.dtype) for edge in edges), torch.ones_like(value))
        columns.append(steps * known)
    return torch.stack(columns, dim=1).long()


@dataclass(frozen=True)
class Rows:
    """Where in the table of counts the rows of a feature or fact lie: `first` + kind · `size` + value.

    Attributes:
        low: of the tokens that are values; a fact's values begin at 1.
        size: values, 0 among them.
        first: row.
    """

    low: int
    size: int
    first: int


def rows() -> list[Rows]:
    """Of every feature, then of every fact."""
    found, first = [], 0
    spans = [*FEATURES.values(), *((1, values + 1) for values in FACTS.values())]
    for low, high in spans:
        size = high - low + 1
        found.append(Rows(low, size, first))
        first += size * KINDS
    return found


ROWS: Final = sum(part.size * KINDS for part in rows())
