"""Deciding tokens along several sequences at the same time, for the most probable one: beam search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.autoregressive import sampling
from backends.autoregressive.constraints import State
from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import FloatArray, Ids
from backends.autoregressive.pattern import Pattern
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.search import NOTHING_LEFT, Rules


@dataclass(frozen=True, slots=True)
class Beam:
    """A sequence under way: its tokens after the prefix, their summed log-probabilities, the constraint's state."""

    tokens: tuple[int, ...]
    score: float
    state: State


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One sequence that ended: its tokens without the ending, and its value after the length penalty."""

    tokens: tuple[int, ...]
    value: float
    log_probability: float
    reason: str


class BeamSearch:
    """The most probable of the sequences that `num_beams` beams come across; for one codebook.

    A sequence of n tokens, its end included, is worth log-probability / n^length_penalty (Wu et al., 2016). The search
    ends when no beam can become worth more than the best sequence that has ended.
    """

    def __init__(self, pattern: Pattern, start: int, rules: Rules, request: DecodingRequest) -> None:
        self._pattern = pattern
        self._rules = rules
        self._penalty = request.length_penalty
        self._last = np.full((request.num_beams, 1), start, dtype=np.int64)
        # At first all beams are the same one: only one of them counts.
        first = Beam((), 0.0, rules.start(pattern.prefix))
        self._beams = [first, *[Beam((), -np.inf, first.state)] * (request.num_beams - 1)]
        self._best: Hypothesis | None = None
        self.branches = request.num_beams
        self.step = 0
        self.reason = ""
        self.log_probability = 0.0

    def inputs(self) -> Ids:
        """(branches, 1)."""
        return self._last

    def skip(self, steps: int) -> Ids:
        """What the prefix decides."""
        read = np.concatenate([self._last[:1], self._pattern.prefix[: steps - 1]])
        self._last = np.repeat(self._pattern.prefix[steps - 1 : steps], self.branches, axis=0)
        self.step = steps
        return read

    def accept(self, logits: FloatArray) -> Sequence[int]:
        """Extend the beams."""
        if self.step < self._pattern.known:
            self._last = np.repeat(self._pattern.prefix[self.step : self.step + 1], self.branches, axis=0)
            self.step += 1
            return range(self.branches)
        parents = self._extend(logits[:, 0])
        self.step += 1
        self._last = np.array([[beam.tokens[-1] if beam.tokens else self._pattern.special] for beam in self._beams])
        if self.step == self._pattern.steps:
            for beam in self._beams:
                self._end(beam.tokens, beam.score, "length", 0)
        self._close(best_running=max(beam.score for beam in self._beams))
        return parents

    def frames(self) -> int:
        """Nothing is certain before the end."""
        return len(self._best.tokens) if self.reason and self._best else 0

    def result(self, start: int, end: int) -> Ids:
        """Tokens of the best sequence."""
        tokens = self._best.tokens if self._best else ()
        return np.array(tokens[start:end], dtype=np.int64).reshape(-1, 1)

    def _extend(self, logits: FloatArray) -> list[int]:
        vocabulary = logits.shape[1]
        totals = np.full(logits.shape, -np.inf)
        for index, beam in enumerate(self._beams):
            if beam.score > -np.inf:
                allowed = self._rules.restrict(logits[index], beam.state, len(beam.tokens))
                if allowed.max() > -np.inf:
                    totals[index] = beam.score + sampling.log_softmax(allowed)
        following: list[Beam] = []
        parents: list[int] = []
        for rank, choice in enumerate(_largest(totals.ravel(), 2 * self.branches)):
            parent, token = divmod(int(choice), vocabulary)
            tokens, score = (*self._beams[parent].tokens, token), float(totals[parent, token])
            reason, cut = self._rules.ending(tokens)
            if reason and rank < self.branches:
                self._end(tokens, score, reason, cut)
            elif not reason and len(following) < self.branches:
                following.append(Beam(tokens, score, self._rules.advance(self._beams[parent].state, token)))
                parents.append(parent)
        missing = self.branches - len(following)
        self._beams = following + [Beam((), -np.inf, 0)] * missing
        return parents + [0] * missing

    def _end(self, tokens: tuple[int, ...], score: float, reason: str, cut: int) -> None:
        value = score / len(tokens) ** self._penalty if tokens else -np.inf
        if score > -np.inf and (self._best is None or value > self._best.value):
            self._best = Hypothesis(tokens[: len(tokens) - cut], value, score, reason)

    def _close(self, best_running: float) -> None:
        over = self.step == self._pattern.steps or best_running == -np.inf
        if self._best is None:
            if over:
                raise RequestFailed("INTERNAL", NOTHING_LEFT)
            return
        # Log-probabilities only fall; a positive penalty makes the longest sequence the most that can be hoped for.
        length = self._pattern.frames if self._penalty > 0 else self.step - self._pattern.known
        if over or self._best.value >= best_running / length**self._penalty:
            self.reason, self.log_probability = self._best.reason, self._best.log_probability


def _largest(values: sampling.Doubles, count: int) -> Ids:
    """Indices of the largest values above -inf, best first, the lower index first among equals."""
    if count < len(values):
        found = np.flatnonzero(values >= np.partition(values, -count)[-count])
    else:
        found = np.arange(len(values))
    found = found[values[found] > -np.inf]
    order: Ids = found[np.argsort(-values[found], kind="stable")][:count]
    return order
