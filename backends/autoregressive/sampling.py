"""From logits to a token: guidance, temperature, top-k, top-p, and a draw from a stream of the request's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backends.autoregressive.events import FloatArray, Ids

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def generator(seed: int) -> np.random.Generator:
    """The request's own stream of random numbers.

    Philox is counter-based (Salmon et al., 2011): the stream depends on the 64-bit `seed` alone, never on what was
    drawn before or for whom.
    """
    return np.random.Generator(np.random.Philox(key=seed))


def guide(conditional: FloatArray, unconditional: FloatArray, scale: float) -> FloatArray:
    """Classifier-free guidance over logits: u + scale · (c - u); 1 gives `conditional` but for rounding."""
    guided: FloatArray = unconditional + np.float32(scale) * (conditional - unconditional)
    return guided


def log_softmax(logits: npt.NDArray[np.floating]) -> Doubles:
    """Natural logarithms of the probabilities over the last axis, float64; -inf stays -inf."""
    shifted: Doubles = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def restrict(logits: FloatArray, allowed: Mask) -> FloatArray:
    """Logits with -inf where a token is not allowed."""
    return np.where(allowed, logits, np.float32(-np.inf))


def top_k(values: Doubles, k: int) -> Ids:
    """Indices of the `k` largest values, ascending; the lower index first among equals; 0 is all of them."""
    if k <= 0 or k >= len(values):
        return np.arange(len(values))
    least = np.partition(values, -k)[-k]
    found = np.flatnonzero(values >= least)
    if len(found) == k:
        return found
    # More than k: of those that equal the k-th value, the first ones are taken.
    equal = values[found] == least
    first: Ids = found[~equal | (np.cumsum(equal) <= k - np.count_nonzero(~equal))]
    return first


class Ask(NamedTuple):
    """How one token is to be drawn; a tuple, since one is made for every token.

    Attributes:
        allowed: (V,) what may come; None is everything.
        held: a token that may come only where nothing else can, such as an end that is too early; None is none.
        uniform: in [0, 1), from the request's stream.
        temperature: 0 takes the most probable one.
        k: of top-k; 0 is all.
        p: of top-p; 1 is all.
    """

    allowed: Mask | None
    held: int | None
    uniform: float
    temperature: float
    k: int
    p: float


def pick(logits: FloatArray, asks: Sequence[Ask]) -> list[tuple[int, float] | None]:
    """One token for each row of logits (R, V): by temperature, top-k and top-p, the same bits in any company.

    Returns each with the natural logarithm of its probability among all that may come, at temperature 1; None where
    nothing that may come has a finite logit, or some logit is NaN or infinite. A step of many requests costs little
    more than that of one: what is done, is done to all rows at once.
    """
    values: Doubles = _allowed(logits, asks).astype(np.float64)
    best = _hold(values, asks)
    # A NaN that may not come spoils the row too, as does one that may.
    sound = np.isfinite(best[:, 0]) & (logits.max(axis=-1) < np.inf)
    values[~sound], best[~sound] = 0.0, 0.0
    values -= best
    weights = np.exp(values)
    totals = weights.sum(axis=-1)
    tokens = values.argmax(axis=-1)
    drawn = [row for row, ask in enumerate(asks) if ask.temperature]
    if drawn:
        every = len(drawn) == len(asks)
        chosen = (values, weights) if every else (values[drawn], weights[drawn])
        tokens[drawn] = _draw(*chosen, [asks[row] for row in drawn])
    worth = values[np.arange(len(asks)), tokens].tolist()
    return [
        (token, value - math.log(total)) if right else None
        for token, value, total, right in zip(tokens.tolist(), worth, totals.tolist(), sound.tolist(), strict=True)
    ]


def _allowed(logits: FloatArray, asks: Sequence[Ask]) -> FloatArray:
    """Logits (R, V) with -inf where a token is not allowed."""
    if all(ask.allowed is None for ask in asks):
        return logits
    allowed = np.ones(logits.shape, np.bool_)
    for row, ask in enumerate(asks):
        if ask.allowed is not None:
            allowed[row] = ask.allowed
    return restrict(logits, allowed)


def _draw(values: Doubles, weights: Doubles, asks: Sequence[Ask]) -> Ids:
    """Tokens (R,) of rows whose logarithms (R, V) and their exponentials stand below 1."""
    temperature = np.array([ask.temperature for ask in asks])
    probabilities = weights if (temperature == 1).all() else np.exp(values / temperature[:, None])
    sums = _kept(probabilities, asks).cumsum(axis=-1)
    ends = np.array([ask.uniform for ask in asks]) * sums[:, -1]
    # Rounding may lead behind the last one that can be drawn at all.
    last = (sums < sums[:, -1:]).sum(axis=-1)
    found: Ids = np.minimum((sums <= ends[:, None]).sum(axis=-1), last)
    return found


def _hold(values: Doubles, asks: Sequence[Ask]) -> Doubles:
    """Take out of (R, V) what is held back, but for rows where nothing else is left; returns the largest (R, 1)."""
    rows = [row for row, ask in enumerate(asks) if ask.held is not None]
    places = rows, [ask.held for ask in asks if ask.held is not None]
    kept = values[places]
    values[places] = -np.inf
    best: Doubles = values.max(axis=-1, keepdims=True)
    if rows and not np.isfinite(best).all():
        left = np.isfinite(best[rows, 0])
        values[places] = np.where(left, -np.inf, kept)
        best = values.max(axis=-1, keepdims=True)
    return best


def _kept(probabilities: Doubles, asks: Sequence[Ask]) -> Doubles:
    """(R, V) with 0 where top-k and top-p leave a token out."""
    size = probabilities.shape[1]
    for row, ask in enumerate(asks):
        if 0 < ask.k < size:
            others = np.ones(size, np.bool_)
            others[top_k(probabilities[row], ask.k)] = False
            probabilities[row, others] = 0.0
    shares = np.array([ask.p for ask in asks])
    if (shares >= 1).all():
        return probabilities
    falling = -np.sort(-probabilities, axis=-1)
    sums = falling.cumsum(axis=-1)
    counts = np.minimum((sums < shares[:, None] * sums[:, -1:]).sum(axis=-1) + 1, size)
    counts[shares >= 1] = size
    least = falling[np.arange(len(counts)), counts - 1][:, None]
    kept = probabilities >= least
    # Of those that equal the last one of the nucleus, the first ones belong to it.
    for row in np.flatnonzero(kept.sum(axis=-1) > counts).tolist():
        equal = np.flatnonzero(probabilities[row] == least[row])
        kept[row, equal[counts[row] - int((probabilities[row] > least[row]).sum()) :]] = False
    return np.where(kept, probabilities, 0.0)
