"""How often labels are right: precision, recall and F1 of many labels at once, and the best thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TagMetrics:
    """Agreement of told labels with true ones.

    Attributes:
        count: clips.
        positives: true labels among them.
        precision: share of the told labels that are true.
        recall: share of the true labels that are told.
        f1: their harmonic mean, over all labels together (micro).
        macro_f1: mean of the labels' own F1, over labels that are ever true.
    """

    count: int
    positives: int
    precision: float
    recall: float
    f1: float
    macro_f1: float

    def rounded(self) -> dict[str, float]:
        """As a dictionary, to three decimals."""
        return {name: round(value, 3) for name, value in vars(self).items()}


def tag_metrics(truth: Array, told: Array) -> TagMetrics:
    """Compare truth (N, k), NaN where unknown and true from 0.5, with what is told (N, k) of bool.

    Raises ValueError for other shapes.
    """
    if truth.shape != told.shape or truth.ndim != 2:
        raise ValueError(f"need two tables of one shape, got {truth.shape} and {told.shape}")
    known = np.isfinite(truth)
    true = known & (np.where(known, truth, 0) >= 0.5)
    said = known & told.astype(bool)
    hits, told_count, true_count = ((part).sum(axis=0).astype(float) for part in (true & said, said, true))
    ever = true_count > 0
    own = 2 * hits[ever] / np.maximum(told_count[ever] + true_count[ever], 1)
    precision = float(hits.sum() / max(told_count.sum(), 1))
    recall = float(hits.sum() / max(true_count.sum(), 1))
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return TagMetrics(
        len(truth), int(true_count.sum()), precision, recall, f1, float(own.mean()) if ever.any() else 0.0
    )


def best_threshold(truth: Array, probability: Array, low: float = 0.3, high: float = 0.9) -> float:
    """Threshold between the bounds with the best F1 for one label (N,), the middle of them where several are as good.

    NaN stands for unknown truth; 0.5 where no clip is true.
    """
    known = np.isfinite(truth)
    true, value = truth[known] >= 0.5, probability[known]
    if not true.any():
        return 0.5
    grid = np.linspace(low, high, 61)
    told = value[:, None] >= grid
    scores = 2 * (told & true[:, None]).sum(axis=0) / (told.sum(axis=0) + true.sum())
    return float(np.median(grid[scores >= scores.max() - 1e-9]))


def area_under_curve(truth: Array, value: Array) -> float:
    """Probability that a true clip has a higher value than a false one (ROC AUC); NaN where one kind is missing."""
    known = np.isfinite(truth)
    true, ranked = truth[known] >= 0.5, value[known]
    if not true.any() or true.all():
        return float("nan")
    order = np.argsort(np.argsort(ranked)) + 1.0
    positives = int(true.sum())
    return float((order[true].sum() - positives * (positives + 1) / 2) / (positives * (~true).sum()))
