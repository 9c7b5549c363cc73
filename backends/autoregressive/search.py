"""What every way of deciding tokens has in common: what may come next, and what ends a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from backends.autoregressive import sampling
from backends.autoregressive.constraints import Constraint, State
from backends.autoregressive.errors import RequestFailed, invalid
from backends.autoregressive.events import FloatArray, Ids
from backends.autoregressive.generation import Generation
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.sampling import Mask


class Search(Protocol):
    """One request's decisions.

    Attributes:
        branches: sequences that are followed at the same time.
        step: steps decided so far.
        reason: why it ended ("eos", "stop", "length"); "" while it goes on.
        log_probability: of what was decided.
    """

    branches: int
    step: int
    reason: str
    log_probability: float

    def inputs(self) -> Ids:
        """(branches, K) what the decoder reads next."""
        ...

    def skip(self, steps: int) -> Ids:
        """Take over what is known of the first steps, without logits; returns their inputs, (steps, K)."""
        ...

    def accept(self, logits: FloatArray) -> Sequence[int]:
        """Decide a step from (branches, K, V) logits; returns the branch that each branch goes on from.

        Raises:
            RequestFailed: INTERNAL, the logits are not finite or the constraint leaves nothing.
        """
        ...

    def frames(self) -> int:
        """Complete frames that will not be taken back."""
        ...

    def result(self, start: int, end: int) -> Ids:
        """Frames `start`..`end`, (n, K)."""
        ...


NOTHING_LEFT = "the model's constraint lets no token come"
NOTHING_FINITE = "the model produced logits that are not finite, or its constraint lets no token come"


class Rules:
    """What may come next and what ends a sequence; common to every way of search.

    Args:
        generation: end token.
        request: bounds and stop sequences.
        constraint: the model's constraint, if it has one.
    """

    def __init__(self, generation: Generation, request: DecodingRequest, constraint: Constraint | None) -> None:
        self._eos = generation.eos
        self._min_tokens = request.min_tokens
        self._stop = request.stop_sequences
        self._constraint = constraint
        self.hold_back = max((len(sequence) for sequence in self._stop), default=1) - 1

    def start(self, prefix: Ids) -> State:
        """The constraint's state after the prefix. Raises `RequestFailed` where it does not fit the constraint."""
        if self._constraint is None:
            return 0
        state = self._constraint.start()
        for index, token in enumerate(prefix[:, 0]):
            following = self._constraint.advance(state, int(token))
            if following is None:
                raise invalid("prefix", "what the model's constraint lets come", f"wrong at token {index} ({token})")
            state = following
        return state

    def restrict(self, logits: FloatArray, state: State, count: int) -> FloatArray:
        """(V,) logits of what may come after `count` tokens, -inf elsewhere, which may be everywhere.

        Raises:
            RequestFailed: INTERNAL, the logits are not finite.
        """
        if not -np.inf < logits.max() < np.inf:
            raise RequestFailed("INTERNAL", "the model produced logits that are not finite")
        found = logits
        if self._constraint is not None:
            found = sampling.restrict(found, self._constraint.allowed(state))
        held = self.held(count)
        if held is not None:
            others = found.copy()
            others[held] = -np.inf
            # An end that nothing else may take the place of is better than none.
            found = others if np.isfinite(others.max()) else found
        return found

    def mask(self, state: State) -> Mask | None:
        """(V,) what the constraint lets come; None: everything."""
        return None if self._constraint is None else self._constraint.allowed(state)

    def held(self, count: int) -> int | None:
        """The end, where it may not come yet after `count` tokens."""
        return self._eos if count < self._min_tokens else None

    def advance(self, state: State, token: int) -> State:
        """The constraint's next state."""
        following = self._constraint.advance(state, token) if self._constraint is not None else 0
        return 0 if following is None else following

    def ending(self, tokens: Sequence[int]) -> tuple[str, int]:
        """Why these tokens are the end ("" where they are not), and how many of the last ones are not the result."""
        if self._eos is not None and tokens[-1] == self._eos:
            return "eos", 1
        for sequence in self._stop:
            if len(tokens) >= len(sequence) and tuple(tokens[-len(sequence) :]) == sequence:
                return "stop", len(sequence)
        return "", 0
