"""Deciding tokens along one sequence: by drawing, or greedily at temperature 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.autoregressive import sampling
from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import FloatArray, Ids
from backends.autoregressive.pattern import FREE, Pattern
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.search import NOTHING_FINITE, Rules


class Sampled:
    """One sequence of K codebooks, drawn from the request's own stream, or greedy at temperature 0."""

    branches = 1

    def __init__(self, pattern: Pattern, start: int, rules: Rules, request: DecodingRequest) -> None:
        self._pattern = pattern
        self._rules = rules
        self._request = request
        self._random = sampling.generator(request.seed)
        self._decided = np.full((pattern.steps, len(pattern.delays)), pattern.special, dtype=np.int64)
        self._last = np.full(len(pattern.delays), start, dtype=np.int64)
        self._tokens: list[int] = []
        self._length: int | None = None
        self._state = rules.start(pattern.prefix)
        self.step = 0
        self.reason = ""
        self.log_probability = 0.0

    def inputs(self) -> Ids:
        """(1, K)."""
        return self._last[None]

    def skip(self, steps: int) -> Ids:
        """What the prefix decides."""
        known = np.stack([self._pattern.forced(step) for step in range(steps)])
        read = np.concatenate([self._last[None], known[:-1]])
        self._decided[:steps] = known
        self._last = known[-1]
        self.step = steps
        return read

    def accept(self, logits: FloatArray) -> Sequence[int]:
        """Decide each codebook's token."""
        decided = self._pattern.forced(self.step)
        free = [codebook for codebook, token in enumerate(decided) if token == FREE]
        if free:
            found = sampling.pick(logits[0, free], [self._ask() for _ in free])
            for codebook, one in zip(free, found, strict=True):
                decided[codebook] = self._taken(one)
        return self._decide(decided, follow=bool(free) and len(decided) == 1)

    def ask(self) -> sampling.Ask | None:
        """How its next token is to be drawn, for `take`; None where `accept` has to see the logits.

        Asking takes a number from the stream: whoever asks has to go on with `take`.
        """
        known = self.step < self._pattern.known or len(self._last) > 1
        return None if known else self._ask()

    def take(self, found: tuple[int, float] | None) -> Sequence[int]:
        """Decide the token that was drawn, as `accept` does.

        Raises:
            RequestFailed: INTERNAL, there was none.
        """
        return self._decide(np.array([self._taken(found)], np.int64), follow=True)

    def frames(self) -> int:
        """Complete frames; what may turn out to be a stop sequence is held back."""
        if self._length is not None:
            return self._length
        complete = self._pattern.complete(self.step)
        return complete if self.reason else max(0, complete - self._rules.hold_back)

    def result(self, start: int, end: int) -> Ids:
        """Decided frames."""
        return self._pattern.gather(self._decided, start, end)

    def _ask(self) -> sampling.Ask:
        request, rules = self._request, self._rules
        uniform = self._random.random() if request.temperature else 0.0
        allowed, held = rules.mask(self._state), rules.held(len(self._tokens))
        return sampling.Ask(allowed, held, uniform, request.temperature, request.top_k, request.top_p)

    def _taken(self, found: tuple[int, float] | None) -> int:
        if found is None:
            raise RequestFailed("INTERNAL", NOTHING_FINITE)
        token, log_probability = found
        self.log_probability += log_probability
        return token

    def _decide(self, tokens: Ids, *, follow: bool) -> Sequence[int]:
        """Take a step's tokens (K,); those of one codebook that were free are followed by the rules."""
        self._decided[self.step] = tokens
        self._last = tokens
        self.step += 1
        if follow:
            self._follow(int(tokens[0]))
        if not self.reason and self.step == self._pattern.steps:
            self.reason = "length"
        return (0,)

    def _follow(self, token: int) -> None:
        self._tokens.append(token)
        self._state = self._rules.advance(self._state, token)
        self.reason, cut = self._rules.ending(self._tokens)
        if self.reason:
            self._length = len(self._tokens) - cut
