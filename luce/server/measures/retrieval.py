"""Whether generated music finds the music that was meant: P@10 of CoT-VTM."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CANDIDATES: Final = 70
"""The right one and 69 others (CoT-VTM, appendix D.1)."""


def hit_rate(
    generated: NDArray[Any], meant: NDArray[Any], *, k: int = 10, candidates: int = CANDIDATES, seed: int = 0
) -> float:
    """P@k: the share of items whose own target is among the `k` nearest of `candidates` by cosine.

    The others are drawn from the other items' targets by `seed`. A candidate that is exactly as near as the right one
    counts as half before it, so that equal vectors give chance and not success. Chance is k / candidates.

    Args:
        generated: (n, d), n at least `candidates`.
        meant: (n, d), row i the target of row i.
        k: how many places count.
        candidates: how many are ranked, the right one among them.
        seed: of the draw.

    Raises:
        ValueError: shapes that do not fit, fewer rows than candidates, or a vector of length 0.
    """
    a, b = np.asarray(generated, np.float64), np.asarray(meant, np.float64)
    if a.ndim != 2 or a.shape != b.shape or len(a) < candidates or not 1 <= k <= candidates:
        raise ValueError(f"two tables of one shape with at least {candidates} rows are needed")
    lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    if not all(np.isfinite(length).all() and (length > 0.0).all() for length in lengths):
        raise ValueError("the vectors must be finite and not zero")
    # Rounded so that vectors that are equal give cosines that are equal.
    cosines = np.round((a / lengths[0][:, None]) @ (b / lengths[1][:, None]).T, 9)
    rng = np.random.default_rng(seed)
    hits = 0.0
    for row in range(len(a)):
        others = rng.permutation(len(a) - 1)[: candidates - 1]
        others = others + (others >= row)
        before = np.count_nonzero(cosines[row, others] > cosines[row, row])
        equal = np.count_nonzero(cosines[row, others] == cosines[row, row])
        # Its rank among equals is uniform: the share of those ranks that lie within k.
        hits += min(1.0, max(0.0, (k - before) / (equal + 1)))
    return hits / len(a)
