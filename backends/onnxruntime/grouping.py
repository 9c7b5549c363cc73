"""Requests that agree in everything but their row count become one batch; its answer is cut back into theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Tensors = Mapping[str, Array]


def group(requests: Sequence[Tensors]) -> list[list[int]]:
    """Indices of requests that can be joined: same inputs, same types, same shapes after the first dimension.

    The order of first arrival is kept, between groups and inside them. Nothing is padded: a row's result must not
    depend on who shares its batch.
    """
    groups: dict[object, list[int]] = {}
    for index, tensors in enumerate(requests):
        key = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(tensors.items()))
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def join(requests: Sequence[Tensors]) -> dict[str, Array]:
    """One batch of all rows, in order. A single request is passed on without a copy."""
    if len(requests) == 1:
        return dict(requests[0])
    return {name: np.concatenate([tensors[name] for tensors in requests]) for name in requests[0]}


def split(outputs: Tensors, rows: Sequence[int]) -> list[dict[str, Array]]:
    """Cut a batch's outputs into pieces of `rows[i]` rows each.

    Raises:
        ValueError: an output does not have one row for each row of the batch.
    """
    total = sum(rows)
    for name, array in outputs.items():
        if array.ndim == 0 or array.shape[0] != total:
            raise ValueError(f"output {name!r} has shape {list(array.shape)} for a batch of {total} rows")
    ends = np.cumsum(rows)
    return [
        {name: array[end - count : end] for name, array in outputs.items()}
        for end, count in zip(ends, rows, strict=True)
    ]
