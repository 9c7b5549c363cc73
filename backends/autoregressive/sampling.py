"""From logits to a token: guidance, temperature, top-k, top-p, and a draw from a stream of the request's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Logits (V,) with -inf where a token is not allowed."""
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


def top_p(probabilities: Doubles, p: float) -> Ids:
    """Indices of the nucleus (Holtzman et al., 2020): the fewest largest values that make up a share of `p`.

    The one that reaches the share belongs to it, so one always does; 1 is all of them. Values need not sum to 1.
    """
    if p >= 1:
        return np.arange(len(probabilities))
    order = np.argsort(-probabilities, kind="stable")
    sums = probabilities[order].cumsum()
    found = order[: int(sums.searchsorted(p * sums[-1])) + 1]
    found.sort()
    return found


def draw(probabilities: Doubles, uniform: float) -> int:
    """The index at `uniform` (in [0, 1)) of a distribution, which need not be normalised."""
    sums = probabilities.cumsum()
    found = int(sums.searchsorted(uniform * sums[-1], side="right"))
    # Rounding may lead behind the last one that can be drawn at all.
    return found if found < len(sums) else int(np.flatnonzero(probabilities)[-1])


def pick(logits: FloatArray, uniform: float, *, temperature: float, k: int, p: float) -> tuple[int, float]:
    """One token from (V,) logits of which one is finite at least; temperature 0 takes the most probable one.

    Returns it with the natural logarithm of its probability among all of them, at temperature 1. This runs for every
    token of every request, so it is written to touch the arrays as seldom as may be.
    """
    values: Doubles = logits.astype(np.float64)
    values -= values.max()
    weights = np.exp(values)
    total = float(weights.sum())
    if temperature == 0:
        token = int(values.argmax())
    else:
        probabilities = weights if temperature == 1 else np.exp(values / temperature)
        tokens = top_k(values, k) if k else None
        if tokens is not None:
            probabilities = probabilities[tokens]
        if p < 1:
            nucleus = top_p(probabilities, p)
            probabilities = probabilities[nucleus]
            tokens = nucleus if tokens is None else tokens[nucleus]
        token = draw(probabilities, uniform)
        token = token if tokens is None else int(tokens[token])
    return token, float(values[token]) - math.log(total)


@dataclass(frozen=True, slots=True)
class Ask:
    """How one token is to be drawn.

    Attributes:
        allowed: (V,) what may come; None is everything.
        uniform: in [0, 1), from the request's stream.
        temperature: 0 takes the most probable one.
        k: of top-k; 0 is all.
        p: of top-p; 1 is all.
    """

    allowed: Mask | None
    uniform: float
    temperature: float
    k: int
    p: float


def pick_together(logits: FloatArray, asks: Sequence[Ask]) -> list[tuple[int, float] | None]:
    """`pick` for each row of logits (R, V): the tokens and what each is worth, the same bits in any company.

    None where nothing that may come has a finite logit, or some logit is NaN or infinite. A step of many requests costs
    little more than that of one: what is done, is done to all rows at once.
    """
    rows, size = logits.shape
    allowed = np.ones((rows, size), np.bool_)
    for row, ask in enumerate(asks):
        if ask.allowed is not None:
            allowed[row] = ask.allowed
    values: Doubles = np.where(allowed, logits, np.float32(-np.inf)).astype(np.float64)
    best = values.max(axis=-1, keepdims=True)
    # A NaN that may not come spoils the row too, as does one that may.
    sound = np.isfinite(best[:, 0]) & (logits.max(axis=-1) < np.inf)
    values[~sound], best[~sound] = 0.0, 0.0
    values -= best
    weights = np.exp(values)
    totals = weights.sum(axis=-1)
    temperature = np.array([ask.temperature or 1.0 for ask in asks])
    probabilities = weights if (temperature == 1).all() else np.exp(values / temperature[:, None])
    probabilities = _kept(probabilities, asks)
    sums = probabilities.cumsum(axis=-1)
    ends = np.array([ask.uniform for ask in asks]) * sums[:, -1]
    tokens = (sums <= ends[:, None]).sum(axis=-1)
    found: list[tuple[int, float] | None] = []
    for row, ask in enumerate(asks):
        token = int(tokens[row])
        if not sound[row]:
            found.append(None)
            continue
        if ask.temperature == 0:
            token = int(values[row].argmax())
        elif token >= size:
            # Rounding may lead behind the last one that can be drawn at all.
            token = int(np.flatnonzero(probabilities[row])[-1])
        found.append((token, float(values[row, token]) - math.log(totals[row])))
    return found


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
