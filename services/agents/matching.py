"""Words about the music against the lexicon: what instruments, styles, moods and captions call for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from luce.server.inference import Embedded
from luce.server.vocabulary import lexicon
from luce.v1 import agents_pb2
from services.agents.roles.pulls import Pull, Pulls

# Cosines of unrelated phrases lie around 0.15 in MiniLM's space and seldom above 0.4.
_FLOOR: Final = 0.4
_STRENGTH: Final = 5.0
_MAX_CLUES: Final = 24
_MAX_CLUE_CHARACTERS: Final = 300
_REMEMBERED: Final = 1024
# A caption says many things at once: it is near to all of them, and sure of none.
_CAPTION_WEIGHT: Final = 0.8
_DIMENSIONS: Final = {
    agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS: "instrument",
    agents_pb2.DESCRIPTOR_DIMENSION_STYLE: "style",
    agents_pb2.DESCRIPTOR_DIMENSION_MOOD: "mood",
}

Floats = NDArray[np.float32]


class Embeds(Protocol):
    """What turns texts into vectors: `luce.server.inference.TextEmbedder`."""

    async def embed(self, texts: Sequence[str], *, deadline: float) -> Embedded:
        """L2-normalised vectors of the texts."""


@dataclass(frozen=True, slots=True)
class Clue:
    """Words about the music.

    Attributes:
        source: "instrument", "style", "mood" or "caption".
        words: The words.
        weight: How sure they are, 0..1.
    """

    source: str
    words: str
    weight: float


def clues_of(music: agents_pb2.MusicDescription) -> list[Clue]:
    """The words of a description: values of descriptors, tags, the caption. The surest count, each once."""
    clues: dict[tuple[str, str], Clue] = {}

    def add(source: str, words: str, weight: float) -> None:
        words = " ".join(words.split())[:_MAX_CLUE_CHARACTERS]
        key = (source, words.lower())
        if words and (key not in clues or clues[key].weight < weight):
            clues[key] = Clue(source, words, min(max(weight, 0.0), 1.0))

    for descriptor in music.descriptors:
        if (source := _DIMENSIONS.get(descriptor.dimension)) is not None:
            for place, value in enumerate(descriptor.values):
                # The first value has the confidence; the others are less sure.
                add(source, value, descriptor.confidence / (1 + place))
    for tag in music.tags:
        source = tag.dimension.removesuffix("s")
        if source in _DIMENSIONS.values():
            add(source, tag.name, tag.confidence)
    add("caption", music.caption, _CAPTION_WEIGHT)
    return sorted(clues.values(), key=lambda clue: -clue.weight)[:_MAX_CLUES]


class Matcher:
    """Compares clues with the cues of the lexicon.

    The cues' vectors are made once; vectors of clues are kept, because tags come from a closed set.

    Args:
        embedder: Texts into vectors.
        timeout_s: Longest call, seconds.
    """

    def __init__(self, embedder: Embeds, timeout_s: float = 60.0) -> None:
        self._embedder = embedder
        self._timeout_s = timeout_s
        self._owners = [
            (kind, name, cue)
            for kind, entries in lexicon().table.items()
            for name, wording in entries.items()
            for cue in wording.cues
        ]
        self._cues: Floats | None = None
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._first = asyncio.Lock()

    async def warm_up(self) -> None:
        """Embed the cues. Raises what `pulls` raises."""
        async with self._first:
            if self._cues is None:
                self._cues = await self._vectors([cue for _, _, cue in self._owners])

    async def pulls(self, clues: Sequence[Clue]) -> Pulls:
        """What the clues call for: of each entry, the strongest call.

        Raises:
            Unavailable, ResourceExhausted, DeadlineExceeded: From the text encoder.
        """
        if not clues:
            return Pulls()
        await self.warm_up()
        if self._cues is None:
            raise AssertionError("warm_up embeds the cues or raises")
        new = [clue.words for clue in clues if clue.words not in self._known]
        if new:
            for words, vector in zip(new, await self._vectors(new), strict=True):
                self._known[words] = vector
        similar = np.stack([self._known[clue.words] for clue in clues]) @ self._cues.T
        for clue in clues:
            self._known.move_to_end(clue.words)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        # Rounded: the last bits of a cosine may differ between machines, and a choice must not.
        strength = (
            _STRENGTH * np.array([[clue.weight] for clue in clues]) * np.round(np.maximum(similar - _FLOOR, 0), 3)
        )
        table: dict[tuple[str, str], Pull] = {}
        for column, (kind, name, cue) in enumerate(self._owners):
            row = int(strength[:, column].argmax())
            found = float(strength[row, column])
            if found > table.get((kind, name), _NO_PULL).strength:
                clue = clues[row]
                reason = f'{clue.source} "{_short(clue.words)}" is like "{cue}" ({similar[row, column]:.2f})'
                table[kind, name] = Pull(found, reason)
        return Pulls(table)

    async def _vectors(self, texts: Sequence[str]) -> Floats:
        found = await self._embedder.embed(texts, deadline=self._timeout_s)
        return found.vectors


_NO_PULL: Final = Pull(0.0, "")


def _short(words: str) -> str:
    return words if len(words) <= 60 else f"{words[:57]}..."
