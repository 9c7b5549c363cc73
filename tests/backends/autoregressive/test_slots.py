"""Slots: rows stay what they are, wherever they are moved, and stand without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backends.autoregressive.generation import CacheTensor
from backends.autoregressive.slots import POSITION, TOKENS, Layout, Row, Slots

KEYS = CacheTensor("keys", "new_keys", ("time", 2))
VALUES = CacheTensor("values", "new_values", (3, "time"))
LENGTHS = (2, 4, 8)
LAYOUT = Layout(
    codebooks=1,
    cache={KEYS: np.dtype(np.float32), VALUES: np.dtype(np.float16)},
    memory={"memory": ((2,), np.dtype(np.float32))},
    idle_token=7,
)


class SlotsMachine(RuleBasedStateMachine):
    """Rows that come, grow, are reordered and go, beside a plain list of what each should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(LAYOUT, LENGTHS, capacity=5, spare=2)
        self.rows: list[tuple[Row, float, list[float]]] = []
        self.next = 1.0

    @precondition(lambda self: self.slots.free > 0)
    @rule()
    def add(self) -> None:
        self.next += 1
        row = self.slots.add({"memory": np.full(2, self.next, np.float32)})
        self.rows.append((row, self.next, []))

    @precondition(lambda self: self.slots.free > 0)
    @rule(count=st.integers(1, 7))
    def add_filled(self, count: int) -> None:
        self.add()
        row, _, entries = self.rows[-1]
        found = [self.next + index / 8 for index in range(count)]
        keys = np.repeat(np.array(found, np.float32)[:, None], 2, axis=1)
        self.slots.fill(row, {"keys": keys, "values": np.tile(np.array(found, np.float16), (3, 1))}, count)
        entries.extend(found)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        index = data.draw(st.integers(0, len(self.rows) - 1))
        self.slots.remove(self.rows.pop(index)[0])
        for shelf in self.slots.shelves:
            for array in (shelf.arrays["keys"], shelf.arrays["values"], shelf.arrays["memory"]):
                array[len(shelf.rows) :] = np.nan

    @rule()
    def step(self) -> None:
        """Every row that has room gets an entry, as a decoder call of its whole shelf writes them."""
        for shelf in self.slots.shelves:
            news = np.array([self.next + index for index in range(len(shelf.rows))])
            entries = {"keys": np.repeat(news[:, None], 2, 1), "values": np.repeat(news[:, None], 3, 1)}
            if not shelf.rows or any(row.position >= shelf.length for row in shelf.rows):
                continue
            self.slots.write(shelf, 0, entries)
            for row, _, held in self.rows:
                if row.shelf is shelf:
                    held.append(float(news[row.index]))
        for row, _, held in self.rows:
            if len(held) > row.position:
                self.slots.advance(row)
        self.next += 10

    @precondition(lambda self: any(len(shelf.rows) > 1 for shelf in self.slots.shelves))
    @rule(data=st.data())
    def reorder(self, data: Any) -> None:
        """Beams stand at one position; here, rows that happen to."""
        groups: dict[int, list[int]] = {}
        for index, (row, _, _) in enumerate(self.rows):
            groups.setdefault(row.position, []).append(index)
        members = max(groups.values(), key=len)
        parents = data.draw(st.lists(st.integers(0, len(members) - 1), min_size=len(members), max_size=len(members)))
        self.slots.reorder([self.rows[index][0] for index in members], parents)
        held = [list(self.rows[members[parent]][2]) for parent in parents]
        for index, entries in zip(members, held, strict=True):
            self.rows[index][2][:] = entries

    @invariant()
    def every_row_holds_its_own(self) -> None:
        for row, memory, entries in self.rows:
            arrays = {name: array[row.index] for name, array in row.shelf.arrays.items()}
            assert row.shelf.rows[row.index] is row
            assert row.position == len(entries)
            assert (arrays["memory"] == memory).all()
            wanted = np.zeros(row.shelf.length)
            wanted[: len(entries)] = entries
            assert (arrays["keys"] == wanted[:, None]).all()
            assert (arrays["values"] == wanted.astype(np.float16)).all()

    @invariant()
    def slots_without_a_row_are_idle(self) -> None:
        assert self.slots.free == 5 - len(self.rows)
        for shelf in self.slots.shelves:
            assert (shelf.arrays[TOKENS][len(shelf.rows) :] == 7).all()
            assert (shelf.arrays[POSITION][len(shelf.rows) :] == 0).all()


SlotsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestSlots = SlotsMachine.TestCase
