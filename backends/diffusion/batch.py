"""Rows of many requests in few denoiser calls, without a row's result depending on its company.

Kernels may take another path, and so round otherwise, for another number of rows. A `RowLadder` holds the row counts
that were seen to give the same bits; a batch is padded up to the next of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.diffusion.noise import FloatArray

Row = Mapping[str, npt.NDArray[Any]]
"""Denoiser inputs of one row, by name, without the batch dimension."""

Denoise = Callable[[Mapping[str, npt.NDArray[Any]]], FloatArray]
"""A batch of rows in, a batch of predictions out."""


@dataclass(frozen=True, slots=True)
class RowLadder:
    """Row counts that a denoiser call may have, ascending."""

    sizes: tuple[int, ...]

    @property
    def largest(self) -> int:
        """Most rows in one call."""
        return self.sizes[-1]

    def fit(self, rows: int) -> int:
        """The smallest size that holds `rows`, which is at most `largest`."""
        return next(size for size in self.sizes if size >= rows)


@dataclass(frozen=True, slots=True)
class Job:
    """The rows of one request for one step: [unconditional, conditional], or one of them.

    Attributes:
        group: only jobs of one group share a call: latent shape and adapter.
        rows: the denoiser's inputs.
    """

    group: Hashable
    rows: tuple[Row, ...]


def plan(jobs: Sequence[Job], largest: int) -> list[list[int]]:
    """Indices of jobs for each denoiser call: one group a call, at most `largest` rows, a job's rows together.

    A job with more rows than `largest` gets a call of its own.
    """
    calls: list[list[int]] = []
    filling: dict[Hashable, tuple[list[int], int]] = {}
    for index, job in enumerate(jobs):
        call, rows = filling.get(job.group, ([], 0))
        if not call or rows + len(job.rows) > largest:
            call, rows = [], 0
            calls.append(call)
        call.append(index)
        filling[job.group] = (call, rows + len(job.rows))
    return calls


def denoise(jobs: Sequence[Job], run: Denoise, ladder: RowLadder) -> list[FloatArray]:
    """Predictions of each job, (rows, ...), from one or more calls of `run`."""
    rows = [row for job in jobs for row in job.rows]
    found: list[FloatArray] = []
    for start in range(0, len(rows), ladder.largest):
        chunk = rows[start : start + ladder.largest]
        found.extend(run(stack(chunk, ladder.fit(len(chunk))))[: len(chunk)])
    predictions = iter(found)
    return [np.stack([next(predictions) for _ in job.rows]) for job in jobs]


def stack(rows: Sequence[Row], size: int) -> dict[str, npt.NDArray[Any]]:
    """Rows as one batch of `size`; the last row fills what is left over."""
    padded = [*rows, *[rows[-1]] * (size - len(rows))]
    return {name: np.stack([row[name] for row in padded]) for name in rows[0]}


def stable_ladder(run: Denoise, rows: Sequence[Row]) -> RowLadder:
    """Find the row counts that give a row the same bits at every place: of 1 and the even ones up to `len(rows)`.

    Each size is run with its rows in two orders and compared, bit for bit, with the smaller sizes. The family with the
    largest size wins, then the one with more sizes. Where no size is stable, rows go one by one.

    Args:
        run: the denoiser.
        rows: different rows, as many as one call may have at most.
    """
    families: list[tuple[list[int], list[bytes]]] = []
    for size in [1, *range(2, len(rows) + 1, 2)]:
        bits = _bits(run, rows[:size])
        if bits is None:
            continue
        for sizes, reference in families:
            if reference == bits[: len(reference)]:
                sizes.append(size)
                reference[:] = bits
                break
        else:
            families.append(([size], bits))
    if not families:
        return RowLadder((1,))
    best, _ = max(families, key=lambda family: (family[0][-1], len(family[0])))
    return RowLadder(tuple(best))


def _bits(run: Denoise, rows: Sequence[Row]) -> list[bytes] | None:
    """Each row's prediction as bytes when all run together, or None where a row's place changes it."""
    forwards = [prediction.tobytes() for prediction in run(stack(rows, len(rows)))]
    if len(rows) == 1:
        return forwards
    backwards = [prediction.tobytes() for prediction in run(stack(rows[::-1], len(rows)))]
    return forwards if forwards == backwards[::-1] else None
