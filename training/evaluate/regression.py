"""How well predicted numbers follow the true ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.stats


@dataclass(frozen=True)
class RegressionMetrics:
    """Agreement of predictions with truth.

    Attributes:
        count: number of pairs.
        rmse: root mean square error, in the unit of the truth.
        mae: mean absolute error.
        pearson: Pearson's correlation; 0 where either side is constant.
        spearman: Spearman's rank correlation; 0 where either side is constant.
        ccc: concordance correlation (Lin 1989): Pearson's, lowered by differences of mean and spread.
        r2: share of variance explained; negative where worse than the mean.
    """

    count: int
    rmse: float
    mae: float
    pearson: float
    spearman: float
    ccc: float
    r2: float

    def rounded(self) -> dict[str, float]:
        """As a dictionary, to three decimals."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def regression_metrics(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> RegressionMetrics:
    """Compare two vectors of the same length, at least 2. Raises ValueError otherwise, or for values not finite."""
    true, guess = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if true.shape != guess.shape or true.ndim != 1 or true.size < 2:
        raise ValueError(f"need two vectors of one length of at least 2, got {true.shape} and {guess.shape}")
    if not (np.isfinite(true).all() and np.isfinite(guess).all()):
        raise ValueError("values must be finite")
    error = guess - true
    varies = bool(np.ptp(true) > 0 and np.ptp(guess) > 0)
    covariance = float(np.mean((true - true.mean()) * (guess - guess.mean())))
    spread = float(true.var() + guess.var() + (true.mean() - guess.mean()) ** 2)
    return RegressionMetrics(
        count=true.size,
        rmse=float(np.sqrt(np.mean(error**2))),
        mae=float(np.mean(np.abs(error))),
        pearson=float(np.corrcoef(true, guess)[0, 1]) if varies else 0.0,
        spearman=float(scipy.stats.spearmanr(true, guess).statistic) if varies else 0.0,
        ccc=2 * covariance / spread if spread > 0 else 1.0,
        r2=float(1 - np.mean(error**2) / true.var()) if true.var() > 0 else 0.0,
    )
