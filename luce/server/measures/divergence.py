"""How far what is heard in generated music is from what is heard in the music that was meant: KL of CoT-VTM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-6


def kl_divergence(reference: NDArray[Any], generated: NDArray[Any]) -> float:
    """Mean over pairs of Σ p ln(p / (q + 1e-6)), with p the reference's class probabilities and q the generated one's.

    In nats, as audiocraft and AudioLDM-eval compute it (published figures: 527 AudioSet classes of PaSST or PANNs; name
    the classifier with the figure). The floor makes the same distribution a hair below 0.

    Args:
        reference: (n, k), rows of probabilities that sum to 1.
        generated: (n, k), likewise, row by row beside the reference.

    Raises:
        ValueError: the shapes differ, or a row is no distribution.
    """
    p, q = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if p.ndim != 2 or p.shape != q.shape or len(p) == 0:
        raise ValueError("two tables of probabilities of one shape are needed")
    for table in (p, q):
        if not (table >= 0.0).all() or not np.allclose(table.sum(axis=1), 1.0, atol=1e-4):
            raise ValueError("every row must be a distribution")
    terms = np.where(p > 0.0, p * np.log(np.where(p > 0.0, p, 1.0) / (q + _SMALLEST)), 0.0)
    return float(terms.sum(axis=1).mean())


def softmax(scores: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Scores along the last axis as probabilities; a low temperature sharpens.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if temperature <= 0.0:
        raise ValueError("the temperature must be above 0")
    scaled = np.asarray(scores, np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return shares
