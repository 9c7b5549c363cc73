"""The grammar of music as bars that count down: what the composer's tokens may be, so that every output is a piece.

    metre, bar 2, position, length, note, note, length, note, position, length, note, bar 1, position, length, note, end

Bars follow one another without a gap down to the last, in which something sounds, and then the piece ends. Positions
ascend within a bar and stay inside its metre, notes ascend within a position. A bar that would take the room of those
to come has to close, so that a piece never runs out of tokens before its end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends.autoregressive.errors import GenerationError
from backends.autoregressive.sampling import Mask

LEAST_TOKENS = 4
"""Tokens that a bar with one note takes: bar, position, length, note."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the kinds of tokens lie; each is a row of numbers.

    Attributes:
        vocabulary_size: how many tokens there are.
        end: the end token.
        metres: the first metre token.
        sizes: positions of a bar of each metre.
        bars: the token of one bar left; the next one is two bars left.
        most_bars: how many there are.
        positions: the first position token.
        lengths: the first length token.
        notes: the first note token; the notes come last.
        most_tokens: tokens of a piece, without start and end token.
        most_in_bar: tokens of one bar.
    """

    vocabulary_size: int
    end: int
    metres: int
    sizes: tuple[int, ...]
    bars: int
    most_bars: int
    positions: int
    lengths: int
    notes: int
    most_tokens: int
    most_in_bar: int


class Place(NamedTuple):
    """Where in a piece one is.

    Attributes:
        kind: of the last token: "" at the beginning, "metre", "bar", "position", "length", "note" or "end".
        metre: its index.
        left: bars to come, this one included.
        position: of the bar; -1 before the first one.
        length: index; -1 before the first one of the position.
        note: index of the last one; -1 before the first one of the position.
        close: tokens of the piece after which the bar has to be over.
        used: tokens of the piece so far.
    """

    kind: str
    metre: int = 0
    left: int = 0
    position: int = -1
    length: int = -1
    note: int = -1
    close: int = 0
    used: int = 0


class BarGrammar:
    """The constraint; its states are places.

    Args:
        layout: the tokens.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._masks: dict[tuple[str, int, int, int, int, int, int], Mask] = {}

    def start(self) -> Place:
        """Nothing yet."""
        return Place("")

    def allowed(self, state: Place) -> Mask:
        """(V,) true where a token may come; not to be written to."""
        kind, metre, left, position, length, note, close, used = state
        # More room than any token needs is all the same, which keeps the masks few.
        key = (kind, metre, left, position, length, note, min(close - used, LEAST_TOKENS))
        found = self._masks.get(key)
        if found is None:
            if len(self._masks) >= _MOST_MASKS:
                self._masks.clear()
            found = self._masks[key] = self._mask(state)
        return found

    def advance(self, state: Place, token: int) -> Place | None:
        """The state after `token`; None where it may not come."""
        if not self.allowed(state)[token]:
            return None
        layout = self._layout
        _, metre, left, position, length, note, close, used = state
        used += 1
        if token >= layout.notes:
            return Place("note", metre, left, position, length, token - layout.notes, close, used)
        if token >= layout.lengths:
            return Place("length", metre, left, position, token - layout.lengths, note, close, used)
        if token >= layout.positions:
            return Place("position", metre, left, token - layout.positions, -1, -1, close, used)
        if token >= layout.bars:
            left = token - layout.bars + 1
            room = min(layout.most_in_bar - 1, layout.most_tokens - used - LEAST_TOKENS * (left - 1))
            return Place("bar", metre, left, close=used + room, used=used)
        if token >= layout.metres:
            return Place("metre", token - layout.metres, used=used)
        return Place("end")

    def _mask(self, place: Place) -> Mask:
        layout = self._layout
        mask: Mask = np.zeros(layout.vocabulary_size, np.bool_)
        if place.kind == "":
            mask[layout.metres : layout.metres + len(layout.sizes)] = True
        elif place.kind == "metre":
            mask[layout.bars : layout.bars + layout.most_bars] = True
        elif place.kind == "end":
            mask[layout.end] = True
        elif place.kind == "position":
            mask[layout.lengths : layout.notes] = True
        elif place.kind == "length":
            mask[layout.notes + place.note + 1 :] = True
        else:
            self._go_on(place, mask)
        mask.setflags(write=False)
        return mask

    def _go_on(self, place: Place, mask: Mask) -> None:
        """After a bar's token or a note."""
        layout = self._layout
        room = place.close - place.used
        if room >= LEAST_TOKENS - 1:
            last = layout.positions + layout.sizes[place.metre]
            mask[layout.positions + place.position + 1 : last] = True
        highest = layout.vocabulary_size - layout.notes - 1
        if place.kind == "note" and place.note < highest:
            mask[layout.notes + place.note + 1 :] = room >= 1
            if room >= 2:
                mask[layout.lengths : layout.notes] = True
                mask[layout.lengths + place.length] = False
        if place.left > 1:
            mask[layout.bars + place.left - 2] = True
        elif place.kind == "note":
            mask[layout.end] = True


_MOST_MASKS = 20_000
"""Masks that are kept; there are more places than that, though few are common."""


def load_bar_grammar(path: Path, vocabulary_size: int) -> BarGrammar:
    """Read the attributes of :class:`Layout` from a JSON file. Raises `GenerationError`."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        sizes = tuple(int(size) for size in document.pop("sizes"))
        layout = Layout(vocabulary_size, sizes=sizes, **{name: int(value) for name, value in document.items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GenerationError(f"{path}: {type(error).__name__}: {error}") from error
    starts = (layout.metres, layout.bars, layout.positions, layout.lengths, layout.notes, vocabulary_size)
    counts = (len(layout.sizes), layout.most_bars, max(layout.sizes, default=0), 1, 1)
    fits = all(end - begin >= count > 0 for (begin, end), count in zip(pairwise(starts), counts, strict=True))
    if not fits or not 0 <= layout.end < layout.metres:
        raise GenerationError(f"{path}: the kinds of tokens overlap or lie beyond {vocabulary_size}")
    if layout.most_tokens < 1 + LEAST_TOKENS * layout.most_bars or layout.most_in_bar < LEAST_TOKENS:
        raise GenerationError(f"{path}: {layout.most_tokens} tokens do not hold {layout.most_bars} bars")
    return BarGrammar(layout)
