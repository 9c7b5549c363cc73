"""Figures of merit against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.evaluate.regression import regression_metrics

vectors = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=30)


@given(values=vectors)
def test_perfect_predictions_have_no_error_and_full_agreement(values: list[float]) -> None:
    assume(np.ptp(values) > 1e-3)
    found = regression_metrics(np.array(values), np.array(values))
    assert (found.rmse, found.mae) == (0, 0)
    assert found.pearson == pytest.approx(1)
    assert found.ccc == pytest.approx(1)
    assert found.r2 == pytest.approx(1)


@given(values=vectors, shift=st.floats(0.1, 1), scale=st.floats(0.2, 3))
def test_a_shift_or_scale_lowers_concordance_but_not_correlation(
    values: list[float], shift: float, scale: float
) -> None:
    assume(np.std(values) > 0.01)
    truth = np.array(values)
    found = regression_metrics(truth, scale * truth + shift)
    assert found.pearson == pytest.approx(1, abs=1e-6)
    assert found.ccc < 1


def test_the_mean_explains_nothing() -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0])
    found = regression_metrics(truth, np.full(4, 1.5))
    assert (found.r2, found.pearson, found.ccc) == (0, 0, 0)
    assert found.rmse == pytest.approx(np.sqrt(1.25))


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0])],
    ids=["one pair", "two lengths", "not a number"],
)
def test_what_cannot_be_compared_is_refused(truth: list[float], predicted: list[float]) -> None:
    with pytest.raises(ValueError, match=r"two vectors|finite"):
        regression_metrics(np.array(truth), np.array(predicted))
