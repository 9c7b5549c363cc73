"""From logits to a token: guidance, temperature, top-k, top-p, and a draw from a stream of the request's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backends.autoregressive.events import FloatArray

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


def restrict(logits: FloatArray, allowed: Mask | None) -> FloatArray:
    """Logits (V,) with -inf where a token is not allowed."""
    return logits if allowed is None else np.where(allowed, logits, np.float32(-np.inf))


def keep_top_k(log_probabilities: Doubles, k: int) -> Doubles:
    """-inf for all but the `k` most probable of (V,), the lower id first among equals; 0 keeps everything."""
    if k <= 0 or k >= len(log_probabilities):
        return log_probabilities
    kept = np.full_like(log_probabilities, -np.inf)
    # A partition says what the k-th value is; equals of it are taken in the order of their ids.
    least = np.partition(log_probabilities, -k)[-k]
    above = np.flatnonzero(log_probabilities > least)
    equal = np.flatnonzero(log_probabilities == least)[: k - len(above)]
    kept[above] = log_probabilities[above]
    kept[equal] = log_probabilities[equal]
    return kept


def keep_top_p(log_probabilities: Doubles, p: float) -> Doubles:
    """-inf outside of the nucleus (Holtzman et al., 2020): the fewest most probable tokens with a share of `p`.

    The token that reaches the share is kept, so at least one always is; 1 keeps everything.
    """
    if p >= 1:
        return log_probabilities
    order = np.argsort(-log_probabilities, kind="stable")
    probabilities = np.exp(log_probabilities[order])
    before = np.cumsum(probabilities) - probabilities
    kept = np.full_like(log_probabilities, -np.inf)
    nucleus = order[: max(1, int(np.count_nonzero(before < p * probabilities.sum())))]
    kept[nucleus] = log_probabilities[nucleus]
    return kept


def draw(log_probabilities: Doubles, uniform: float) -> int:
    """The token at `uniform` (in [0, 1)) of the distribution over (V,), which need not be normalised."""
    probabilities = np.exp(log_probabilities - log_probabilities.max())
    cumulated = np.cumsum(probabilities)
    found = int(np.searchsorted(cumulated, uniform * cumulated[-1], side="right"))
    # Rounding may lead behind the last token that can be drawn at all.
    return min(found, int(np.flatnonzero(probabilities)[-1]))


def pick(logits: FloatArray, uniform: float, *, temperature: float, top_k: int, top_p: float) -> int:
    """One token from (V,) logits of which one is finite at least; temperature 0 takes the most probable one."""
    if temperature == 0:
        return int(np.argmax(logits))
    kept = keep_top_k(logits.astype(np.float64) / temperature, top_k)
    if top_p < 1:
        kept = keep_top_p(log_softmax(kept), top_p)
    return draw(kept, uniform)
