"""Slots: where the rows of all requests in flight keep their state, so that a step copies nothing.

Every cache length has arrays of its own, and the rows of that length stand in them without a gap: rows a..b of a
decoder call are the slices a..b, contiguous as they lie. A row that ends gives its slot to the last one; a row that
outgrows its length moves to the next. A slot is cleared when it is given away, so nobody sees who was there before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backends.autoregressive.events import Array, Ids
from backends.autoregressive.generation import CacheTensor

TOKENS = "tokens"
POSITION = "position"


@dataclass(eq=False, slots=True)
class Row:
    """One sequence of a request: its slot, and nothing that a graph reads."""

    shelf: Shelf
    index: int

    @property
    def position(self) -> int:
        """Entries in its cache, which is also the position of its next token."""
        return int(self.shelf.arrays[POSITION][self.index])


@dataclass(eq=False, slots=True)
class Shelf:
    """The slots of one cache length.

    Attributes:
        length: size of the time axis.
        arrays: what a decoder call reads, (slots, ...) by its input's name.
        entries: views of the cache's arrays as (slots, time, ...).
        rows: who has the first slots, in their order.
    """

    length: int
    arrays: dict[str, Array]
    entries: dict[str, Array]
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a row consists of.

    Attributes:
        codebooks: tokens a step.
        cache: cache tensors and their types.
        memory: shape and type of what the encoder made, by the decoder input's name.
        idle_token: token of a slot without a row.
    """

    codebooks: int
    cache: Mapping[CacheTensor, np.dtype[np.generic]]
    memory: Mapping[str, tuple[tuple[int, ...], np.dtype[np.generic]]]
    idle_token: int

    def allocate(self, length: int, slots: int) -> dict[str, Array]:
        """Cleared arrays for `slots` rows. Memory is taken by the system when a slot is first used."""
        arrays: dict[str, Array] = {
            TOKENS: np.full((slots, self.codebooks), self.idle_token, dtype=np.int64),
            POSITION: np.zeros(slots, dtype=np.int64),
        }
        for tensor, dtype in self.cache.items():
            arrays[tensor.input] = np.zeros((slots, *_sized(tensor, length)), dtype)
        for name, (shape, dtype) in self.memory.items():
            arrays[name] = np.zeros((slots, *shape), dtype)
        return arrays


class Slots:
    """All slots.

    Args:
        layout: what a row consists of.
        lengths: cache lengths, ascending.
        capacity: most rows at a time.
        spare: further slots, never given away, so that a call can be padded to a size beyond the rows there are.
    """

    def __init__(self, layout: Layout, lengths: Sequence[int], capacity: int, spare: int) -> None:
        self._layout = layout
        self._capacity = capacity
        self.shelves = [self._shelf(length, capacity + spare) for length in lengths]

    @property
    def free(self) -> int:
        """Rows that can still be added."""
        return self._capacity - sum(len(shelf.rows) for shelf in self.shelves)

    def add(self, memory: Mapping[str, Array]) -> Row:
        """A row at position 0 with an empty cache. `memory` holds one row's tensors, without the batch dimension."""
        if self.free < 1:
            raise AssertionError("more rows than slots")
        row = self._put(self.shelves[0])
        for name in self._layout.memory:
            row.shelf.arrays[name][row.index] = memory[name]
        return row

    def remove(self, row: Row) -> None:
        """Give the slot back; the last row of the shelf moves into it."""
        shelf = row.shelf
        last = shelf.rows.pop()
        if last is not row:
            for array in shelf.arrays.values():
                array[row.index] = array[last.index]
            shelf.rows[row.index] = last
            last.index, row.index = row.index, last.index
        shelf.arrays[TOKENS][row.index] = self._layout.idle_token
        shelf.arrays[POSITION][row.index] = 0

    def feed(self, row: Row, tokens: Ids) -> None:
        """Set the row's next tokens (K,)."""
        row.shelf.arrays[TOKENS][row.index] = tokens

    def advance(self, row: Row, by: int = 1) -> None:
        """The row's cache has `by` entries more; where its next step needs a longer one, it moves."""
        position = row.position + by
        row.shelf.arrays[POSITION][row.index] = position
        if position >= row.shelf.length:
            target = next((shelf for shelf in self.shelves if shelf.length > position), None)
            if target is not None:
                self._move(row, target)

    def write(self, shelf: Shelf, start: int, entries: Mapping[str, Array]) -> None:
        """Put a step's new entries, (rows, ...) by cache input, at the positions of the rows from `start` on."""
        count = len(next(iter(entries.values())))
        places = (np.arange(start, start + count), shelf.arrays[POSITION][start : start + count])
        for name, new in entries.items():
            shelf.entries[name][places] = new

    def fill(self, row: Row, entries: Mapping[str, Array], count: int) -> None:
        """Put the first `count` entries of an empty row, as (..., time, ...) by cache input."""
        target = next(shelf for shelf in self.shelves if shelf.length > count)
        if target is not row.shelf:
            self._move(row, target)
        for tensor in self._layout.cache:
            row.shelf.entries[tensor.input][row.index, :count] = np.moveaxis(entries[tensor.input], tensor.time_axis, 0)
        self.advance(row, count)

    def reorder(self, rows: Sequence[Row], parents: Sequence[int]) -> None:
        """Row i takes over the cache of row `parents[i]`; all are at one position."""
        changed = [index for index, parent in enumerate(parents) if parent != index]
        if not changed:
            return
        shelf = rows[0].shelf
        targets = [rows[index].index for index in changed]
        sources = [rows[parents[index]].index for index in changed]
        for tensor in self._layout.cache:
            array = shelf.arrays[tensor.input]
            array[targets] = array[sources]

    def _shelf(self, length: int, slots: int) -> Shelf:
        arrays = self._layout.allocate(length, slots)
        entries = {t.input: np.moveaxis(arrays[t.input], t.time_axis + 1, 1) for t in self._layout.cache}
        return Shelf(length, arrays, entries)

    def _put(self, shelf: Shelf) -> Row:
        row = Row(shelf, len(shelf.rows))
        shelf.rows.append(row)
        for array in shelf.arrays.values():
            array[row.index] = 0
        return row

    def _move(self, row: Row, target: Shelf) -> None:
        twin = self._put(target)
        for name, entries in row.shelf.entries.items():
            target.entries[name][twin.index, : row.shelf.length] = entries[row.index]
        for name in (TOKENS, POSITION, *self._layout.memory):
            target.arrays[name][twin.index] = row.shelf.arrays[name][row.index]
        self.remove(row)
        target.rows[twin.index] = row
        row.shelf, row.index = target, twin.index


def _sized(tensor: CacheTensor, length: int) -> tuple[int, ...]:
    return tuple(length if isinstance(size, str) else size for size in tensor.shape)
