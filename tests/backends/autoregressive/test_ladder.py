"""Which row counts may be used: of decoders that round, mix, or depend on the place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.autoregressive.ladder import ExampleRow, RowLadder, candidates, stable_ladder

ROWS: list[ExampleRow] = [{"x": np.array([float(index)])} for index in range(8)]
OTHERS: list[ExampleRow] = [{"x": np.array([index + 100.0])} for index in range(8)]


def values(rows: Sequence[ExampleRow]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.stack([row["x"] for row in rows])[:, 0]


def bits(found: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[bytes]:
    return [value.tobytes() for value in found]


def test_all_sizes_of_a_steady_decoder_are_used() -> None:
    assert stable_ladder(lambda rows: bits(values(rows) * 2), ROWS, OTHERS) == RowLadder((1, 2, 4, 8))


def test_a_size_that_rounds_otherwise_is_left_out() -> None:
    def fussy(rows: Sequence[ExampleRow]) -> list[bytes]:
        return bits(values(rows) + (1e-9 if len(rows) in (1, 4) else 0))

    assert stable_ladder(fussy, ROWS, OTHERS) == RowLadder((2, 8))


def test_a_decoder_that_differs_at_each_place_goes_row_by_row() -> None:
    assert stable_ladder(lambda r: bits(values(r) + np.arange(len(r))), ROWS, OTHERS) == RowLadder((1,))


def test_a_decoder_that_mixes_its_rows_goes_row_by_row() -> None:
    """As dynamic quantisation does, whose scale is that of the largest value of the whole batch."""
    assert stable_ladder(lambda r: bits(values(r) / values(r).max() if len(r) > 1 else values(r)), ROWS, OTHERS) == (
        RowLadder((1,))
    )


def test_a_call_fits_its_rows_or_is_as_large_as_can_be() -> None:
    ladder = RowLadder((2, 8))
    assert [ladder.fit(rows) for rows in (1, 2, 3, 8, 9)] == [2, 2, 8, 8, 8]


def test_candidates_are_powers_of_two_and_the_most() -> None:
    assert [candidates(most) for most in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]
