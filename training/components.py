"""Features as principal components, and answers with honest spreads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

FloatArray = npt.NDArray[np.float32]
CLIP = 5.0
"""Standardised features are clipped here, so that nothing far outside of the training data runs away."""


@dataclass(frozen=True)
class Basis:
    """Features as their first principal components.

    Attributes:
        mean: float32 (F,) of the training rows.
        scale: float32 (F,), their standard deviation.
        vectors: float32 (F, P); a component of a training row has a root mean square of about 1 over all components.
    """

    mean: FloatArray
    scale: FloatArray
    vectors: FloatArray

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Components (N, P) of features (N, F)."""
        result: FloatArray = ((rows - self.mean) / self.scale).clip(-CLIP, CLIP) @ self.vectors
        return result


def basis_of(rows: FloatArray, components: int) -> Basis:
    """The principal components of features (N, F). Raises ValueError where there are not so many."""
    if components > min(rows.shape):
        raise ValueError(f"{components} components of {rows.shape} rows and features")
    mean, scale = rows.mean(0), np.maximum(rows.std(0), 1e-4)
    standard = ((rows - mean) / scale).clip(-CLIP, CLIP)
    if len(rows) < rows.shape[1]:
        # The same vectors, from the smaller of the two products.
        values, dual = np.linalg.eigh(standard @ standard.T)
        vectors = standard.T @ (dual / np.sqrt(values.clip(min=1e-6)))
    else:
        _, vectors = np.linalg.eigh(standard.T @ standard)
    vectors = vectors[:, : -components - 1 : -1]
    return Basis(mean, scale, (vectors / np.sqrt(np.square(standard @ vectors).mean())).astype(np.float32))


def calibration(truth: FloatArray, guess: FloatArray, spread: FloatArray) -> FloatArray:
    """Factor (A,) on the standard deviation by which half of the errors lie where half of a normal's do."""
    ratios = np.square((guess - truth) / spread)
    result: FloatArray = np.sqrt(np.median(ratios, 0) / scipy.stats.chi2(1).ppf(0.5)).astype(np.float32)
    return result
