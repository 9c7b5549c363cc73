"""A piece while it is written: what to send to `midi_composer` for each section, and the score of what comes back.

Use::

    draft = Draft(plan(wish, seed), seed)
    while (tensors := draft.request()) is not None:
        async for answer in inference.stream("midi_composer", tensors, deadline=...):
            draft.hear(answer.outputs["tokens"])  # of partial answers, with `preview_every`
        draft.accept(answer.outputs["tokens"])    # of the final answer, which has them all
    midi = midi_bytes(draft.score, draft.plan.manner)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.planning import Plan, Section
from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import CONTEXT, FIRST_BAR, FIRST_POSITION, bar_token, decode, encode

MODEL: Final = "midi_composer"
TAIL: Final = 4
"""Bars of what came before that a section goes on from."""
VARIED_HEARD: Final = 3
"""Of these, how often the bar that is varied: once, a variation is no more like its theme than any bar is like the one
before it (mean cosine .31; twice .39, three times .46 and with the temperature below .51; another theme .23)."""
_VARIED_TEMPERATURE: Final = 0.8
_MOST_TAIL_TOKENS: Final = 320
_SEED_STEP: Final = 0x9E3779B97F4A7C15
"""Sections draw from streams of their own (the golden ratio's bits, as in SplitMix64)."""

Tensors = Mapping[str, npt.NDArray[Any]]


class Draft:
    """The sections of a plan, one after another.

    Args:
        plan: what to write.
        seed: of the notes, 0..2^64-1.
        temperature: of the draw, 0..2; None for the model's own.
        guidance_scale: 1 is none; more follows the emotion closer, at twice the cost.

    Attributes:
        plan: as given.
        score: the sections that are done.
    """

    def __init__(
        self, plan: Plan, seed: int, *, temperature: float | None = None, guidance_scale: float | None = None
    ) -> None:
        self.plan = plan
        self.score = Score.sorted(plan.metre, 0, onset=[], length=[], pitch=[], role=[])
        self._seed, self._temperature, self._guidance = seed, temperature, guidance_scale
        self._index = 0
        self._prefix: list[int] = []
        self._heard: list[int] = []
        self._take_over()

    @property
    def done(self) -> bool:
        """Whether every section is written."""
        return self._index >= len(self.plan.sections)

    def request(self, *, preview_every: int = 0) -> Tensors | None:
        """Tensors of the next section's request, each with a leading batch dimension of 1; None where all is done."""
        if self.done:
            return None
        section = self.plan.sections[self._index]
        self._prefix, self._heard = self._begin(section), []
        tensors: dict[str, npt.NDArray[Any]] = {
            "emotion": np.array([[section.valence, section.arousal, 1]], np.float32),
            "controls": section.controls.vector()[None],
            "prefix": np.array([self._prefix], np.int32),
            "max_tokens": np.array([[CONTEXT - 1 - len(self._prefix)]], np.int32),
            "seed": np.array([[(self._seed + self._index * _SEED_STEP) % 2**64]], np.uint64),
            "preview_every": np.array([[preview_every]], np.int32),
        }
        if self.plan.embedding is not None:
            tensors["embedding"] = self.plan.embedding[None].astype(np.float32)
        temperature = self._temperature
        if temperature is None and section.stands is not None:
            temperature = _VARIED_TEMPERATURE
        for name, value in (("temperature", temperature), ("guidance_scale", self._guidance)):
            if value is not None:
                tensors[name] = np.array([[value]], np.float32)
        return tensors

    def hear(self, tokens: npt.NDArray[np.integer]) -> Score:
        """The piece up to the last bar that is complete, with the new tokens of a partial answer."""
        self._heard.extend(int(token) for token in tokens.ravel())
        section = self.plan.sections[self._index]
        left = next((t - FIRST_BAR + 1 for t in reversed(self._heard) if FIRST_BAR <= t < FIRST_POSITION), section.bars)
        return self.score.followed_by(self._section(self._heard).between(0, section.bars - left))

    def accept(self, tokens: npt.NDArray[np.integer]) -> Score:
        """The piece with the section whose tokens these are, all of them."""
        self.score = self.score.followed_by(self._section([int(token) for token in tokens.ravel()]))
        self._index += 1
        self._take_over()
        return self.score

    def _take_over(self) -> None:
        """Add the bars of a variation that are kept as they are."""
        while not self.done:
            section = self.plan.sections[self._index]
            if section.written or section.stands is None:
                return
            self.score = self.score.followed_by(section.stands)
            self._index += 1

    def _section(self, tokens: list[int]) -> Score:
        bars = self.plan.sections[self._index].bars
        whole = decode([*self._prefix, *tokens])
        return whole.between(whole.bars - bars, whole.bars)

    def _begin(self, section: Section) -> list[int]:
        """The metre, the bars before the section, and the token of its first bar."""
        before = self.score if self.score.bars else self.plan.given
        if section.stands is not None:
            # What comes again and again is expected to come once more, much as it was.
            before = self.score.between(max(0, self.score.bars - TAIL + VARIED_HEARD), self.score.bars)
            for _ in range(VARIED_HEARD):
                before = before.followed_by(section.stands)
        first = [bar_token(section.bars)]
        if before is None or not before.bars:
            return [*encode(Score.sorted(self.plan.metre, 0, onset=[], length=[], pitch=[], role=[])), *first]
        for bars in range(min(TAIL, before.bars), 0, -1):
            tail = before.between(before.bars - bars, before.bars)
            tokens = encode(thinned(tail), left=section.bars)
            if len(tokens) <= _MOST_TAIL_TOKENS:
                return [*tokens, *first]
        return [*encode(Score.sorted(self.plan.metre, 0, onset=[], length=[], pitch=[], role=[])), *first]


_MOST_NOTES: Final = 30
"""Notes that one bar of a prefix may have: more would not pass the model's grammar (128 tokens a bar)."""


def thinned(score: Score) -> Score:
    """The score with the first 30 notes of each bar."""
    size = METRES[score.metre].positions
    bar = score.onset // size
    first = np.searchsorted(bar, bar)
    keep = np.arange(score.count) - first < _MOST_NOTES
    columns = (score.onset, score.length, score.pitch, score.role)
    return Score(score.metre, score.bars, *(column[keep] for column in columns))
