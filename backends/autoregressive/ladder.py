"""Which numbers of rows a decoder call may have, so that a row's result does not depend on its company.

Kernels may take another path, and so round otherwise, for another number of rows; a graph may even mix its rows (a
quantisation scale over the whole batch). A `RowLadder` holds the row counts that were seen to give the same bits; a
call is padded up to the next of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backends.autoregressive.events import Array

ExampleRow = Mapping[str, Array]
"""Decoder inputs of one row, by name, without the batch dimension."""

Run = Callable[[Sequence[ExampleRow]], list[bytes]]
"""Rows in, the bytes of everything that the decoder answers to each of them out."""


@dataclass(frozen=True, slots=True)
class RowLadder:
    """Row counts that a decoder call may have, ascending."""

    sizes: tuple[int, ...]

    @property
    def largest(self) -> int:
        """Most rows in one call."""
        return self.sizes[-1]

    def fit(self, rows: int) -> int:
        """The smallest size that holds `rows`, or the largest where none does."""
        return next((size for size in self.sizes if size >= rows), self.largest)


def candidates(most: int) -> list[int]:
    """Powers of two up to `most`, and `most`."""
    return sorted({1 << power for power in range(most.bit_length())} - {0} | {most})


def stable_ladder(run: Run, rows: Sequence[ExampleRow], others: Sequence[ExampleRow]) -> RowLadder:
    """Find the row counts that give a row the same bits at every place and in any company.

    Each count is run in two orders and with half of the company exchanged, and compared with the smaller counts. The
    family with the largest count wins, then the one with more counts; where no count is stable, rows go one by one.

    Args:
        run: the decoder.
        rows: different rows, as many as one call may have at most.
        others: as many further ones.
    """
    families: list[tuple[list[int], list[bytes]]] = []
    for size in candidates(len(rows)):
        bits = [run([row])[0] for row in rows] if size == 1 else _bits(run, rows[:size], others[:size])
        if bits is None:
            continue
        for sizes, reference in families:
            if all(mine == theirs for mine, theirs in zip(bits, reference, strict=False)):
                sizes.append(size)
                reference[:] = bits if len(bits) > len(reference) else reference
                break
        else:
            families.append(([size], bits))
    best, _ = max(families, key=lambda family: (family[0][-1], len(family[0])))
    return RowLadder(tuple(best))


def _bits(run: Run, rows: Sequence[ExampleRow], others: Sequence[ExampleRow]) -> list[bytes] | None:
    """Each row's answer when all run together, or None where its place or its company changes it."""
    forwards = run(rows)
    if forwards != run(rows[::-1])[::-1]:
        return None
    for parity in (0, 1):
        mixed = [row if index % 2 == parity else others[index] for index, row in enumerate(rows)]
        if run(mixed)[parity::2] != forwards[parity::2]:
            return None
    return forwards
