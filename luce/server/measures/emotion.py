"""How near two feelings are: the VA similarity of MESA-MIG, in both of its readings."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_LARGEST_DISTANCE: Final = 2.0 * np.sqrt(2.0)


def va_similarity(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """S_mi, reading A (§3.4): 1 - |distance| / √2 on MESA-MIG's unit square, which is 1 - |distance| / (2·√2) here.

    The measure of the issue's bars. Where all emotions crowd together it is high whatever the pairing: compare with the
    same measure over shuffled pairs.

    Args:
        one: (..., 2), valence and arousal in [-1, 1].
        other: (..., 2), likewise; the leading axes broadcast.

    Returns:
        (...,) 0..1, 1 for the same feeling, 0 for opposite corners.
    """
    difference = _points(one) - _points(other)
    similarity: NDArray[np.float64] = 1.0 - np.linalg.norm(difference, axis=-1) / _LARGEST_DISTANCE
    return similarity


def va_cosine(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """S_mi, reading B (§4.2): cosine of the two points on the unit square, (x + 1) / 2.

    Of two vectors with no negative coordinate it can only be high: it says little, and is here because it is published.
    The corner (-1, -1), which is no direction, counts as 1 to itself and as 0 to every other point.

    Args:
        one: (..., 2), valence and arousal in [-1, 1].
        other: (..., 2), likewise; the leading axes broadcast.

    Returns:
        (...,) 0..1.
    """
    a, b = (_points(one) + 1.0) / 2.0, (_points(other) + 1.0) / 2.0
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    same = np.asarray((a == b).all(axis=-1), np.float64)
    nonzero = np.where(lengths > 0.0, lengths, 1.0)
    return np.where(lengths > 0.0, np.clip((a * b).sum(axis=-1) / nonzero, 0.0, 1.0), same)


def ems(visual: NDArray[Any], music: NDArray[Any]) -> float:
    """EMS of CoT-VTM (equation 25): the mean Euclidean distance of the feelings of picture and music; low is good.

    The paper's table says the contrary with an arrow, and its scale is not stated; here it lies in 0..2·√2.

    Args:
        visual: (n, 2), valence and arousal in [-1, 1].
        music: (n, 2), row by row beside it.
    """
    return float(np.linalg.norm(_points(visual) - _points(music), axis=-1).mean())


def _points(values: NDArray[Any]) -> NDArray[np.float64]:
    points = np.asarray(values, np.float64)
    if points.shape[-1:] != (2,) or not (np.abs(points) <= 1.0).all():
        raise ValueError("valence and arousal must be pairs of numbers in [-1, 1]")
    return points
