"""The Fréchet distance between two sets of embeddings: FD and FAD of CoT-VTM, FID of pictures, by whatever embeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frechet_distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Squared 2-Wasserstein distance of the normal distributions with the sets' means and covariances.

    |m₁ - m₂|² + Tr(C₁ + C₂ - 2 (C₁ C₂)^½) (Dowson & Landau 1982; Heusel et al. 2017), with covariances over n - 1. The
    root's trace is the sum of the roots of the eigenvalues of C₁^½ C₂ C₁^½, which is symmetric: no complex numbers.
    Published FD takes PANNs CNN14, FAD VGGish; state what embedded, and how many: for few samples it comes out high.

    Args:
        one: (n, d), n at least 2.
        other: (m, d), m at least 2.

    Returns:
        At least 0; 0 for the same set.

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError("two sets of at least two vectors of one length are needed")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the vectors must be finite")
    first, second = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0.0, None)).sum()
    between = float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum())
    return max(0.0, between + float(np.trace(first) + np.trace(second) - 2.0 * shared))
