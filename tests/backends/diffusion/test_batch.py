"""Rows in calls, and which row counts may be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backends.diffusion.batch import Job, Row, RowLadder, denoise, plan, stable_ladder

ROWS: list[Row] = [{"sample": np.full((2,), index, dtype=np.float32)} for index in range(8)]

Arrays = Mapping[str, NDArray[Any]]


def twice(arrays: Arrays) -> NDArray[np.float32]:
    doubled: NDArray[np.float32] = arrays["sample"] * np.float32(2)
    return doubled


def test_all_sizes_of_a_steady_denoiser_are_used() -> None:
    assert stable_ladder(twice, ROWS) == RowLadder((1, 2, 4, 6, 8))


def test_a_size_that_rounds_otherwise_is_left_out() -> None:
    def fussy(arrays: Arrays) -> NDArray[np.float32]:
        return twice(arrays) + np.float32(1e-3 if len(arrays["sample"]) in (1, 4) else 0)

    assert stable_ladder(fussy, ROWS) == RowLadder((2, 6, 8))


def test_a_denoiser_that_differs_at_each_size_gets_one_size() -> None:
    assert stable_ladder(lambda a: twice(a) + np.float32(len(a["sample"])), ROWS) == RowLadder((8,))


def test_a_denoiser_that_differs_at_each_place_goes_row_by_row() -> None:
    def by_place(arrays: Arrays) -> NDArray[np.float32]:
        return twice(arrays) + np.arange(len(arrays["sample"]), dtype=np.float32)[:, None]

    assert stable_ladder(by_place, ROWS) == RowLadder((1,))


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 2), max_size=20),
    ladder=st.sampled_from([RowLadder((1,)), RowLadder((8,)), RowLadder((2, 6)), RowLadder((1, 2, 4, 6, 8))]),
)
def test_every_job_gets_its_own_predictions_in_calls_of_allowed_size(sizes: list[int], ladder: RowLadder) -> None:
    seen: list[int] = []

    def run(arrays: Arrays) -> NDArray[np.float32]:
        seen.append(len(arrays["sample"]))
        return twice(arrays)

    jobs = [
        Job("all", tuple({"sample": np.array([index, part], dtype=np.float32)} for part in range(size)))
        for index, size in enumerate(sizes)
    ]
    for call in plan(jobs, ladder.largest):
        for index, found in zip(call, denoise([jobs[i] for i in call], run, ladder), strict=True):
            assert found.tolist() == [[2 * index, 2 * part] for part in range(sizes[index])]
    assert set(seen) <= set(ladder.sizes)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2)), max_size=20), st.sampled_from([2, 4, 8]))
def test_a_call_holds_one_group_and_at_most_the_largest_size(drawn: list[tuple[int, int]], largest: int) -> None:
    jobs = [Job(group, (ROWS[0],) * rows) for group, rows in drawn]
    calls = plan(jobs, largest)
    assert sorted(index for call in calls for index in call) == list(range(len(jobs)))
    for call in calls:
        assert len({jobs[index].group for index in call}) == 1
        assert sum(len(jobs[index].rows) for index in call) <= largest
