"""Precision, recall and thresholds of labels."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.tagging import area_under_curve, best_threshold, tag_metrics


def test_precision_and_recall_count_known_labels_alone() -> None:
    truth = np.array([[1.0, 0.0, np.nan], [1.0, 1.0, 0.0]])
    told = np.array([[True, True, True], [False, True, False]])
    found = tag_metrics(truth, told)
    assert found.positives == 3
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_telling_nothing_scores_nothing() -> None:
    assert tag_metrics(np.ones((3, 2)), np.zeros((3, 2), bool)).f1 == 0
    with pytest.raises(ValueError, match="one shape"):
        tag_metrics(np.ones((3, 2)), np.zeros((3, 1), bool))


def test_the_threshold_parts_true_from_false() -> None:
    truth = np.array([0.0, 0.0, 1.0, 1.0, np.nan])
    value = np.array([0.1, 0.55, 0.7, 0.95, 0.99])
    assert 0.55 < best_threshold(truth, value) <= 0.7
    assert best_threshold(np.zeros(3), np.ones(3)) == 0.5


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    assert area_under_curve(np.array([0, 0, 1, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])) == pytest.approx(0.75)
    assert np.isnan(area_under_curve(np.zeros(3), np.ones(3)))
