"""Windows and whole pieces in words, by `music_captioner`: requests of their own that share its steps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.jobs.patience import Patience, at_once
from luce.server.jobs.together import together
from luce.server.music.captions import LENGTHS, TOPICS, prefix
from luce.server.music.spectra import FloatArray
from services.agents.encoding import HeardWindows
from services.agents.tagging import is_music

MODEL: Final = "music_captioner"
#: Tokens of a part's caption, and of the whole's candidates.
_PART_TOKENS: Final = 20
_WHOLE_TOKENS: Final = 50
#: Beside the greedy candidate so many are drawn: of the whole, and of a dimension.
_DRAWN_WHOLE, _DRAWN = 3, 1
_TEMPERATURE: Final = 0.7
#: Windows, spread over the piece, of which the whole's captions hear the mean.
_MOST_POOLED: Final = 64


@dataclass(frozen=True)
class Captions:
    """A piece in words.

    Attributes:
        parts: The caption of each window; "" where it is no music.
        whole: Candidates for the whole piece, the model's own first choice first; none where nothing is music.
        topics: Candidates by topic ("instruments", "style", "mood"), each in the three lengths.
        version: Of the model; "" where it was not asked.
    """

    parts: tuple[str, ...]
    whole: tuple[str, ...] = ()
    topics: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, eq=False)
class _Wish:
    """One caption to write: what it hears, what it is about, its length, and a seed where it is drawn."""

    tokens: FloatArray
    tags: FloatArray
    topic: str
    length: int
    seed: int | None = None

    def inputs(self) -> dict[str, NDArray[np.generic]]:
        inputs: dict[str, NDArray[np.generic]] = {
            "audio_tokens": self.tokens[np.newaxis],
            "tags": self.tags[np.newaxis],
            "prefix": prefix(self.topic, self.length)[np.newaxis],
            "max_tokens": np.array([[self.length]], np.int32),
        }
        if self.seed is not None:
            inputs["seed"] = np.array([[self.seed]], np.uint64)
            inputs["temperature"] = np.array([[_TEMPERATURE]], np.float32)
        return inputs


class Captioner:
    """Writes captions.

    Args:
        inference: A client of the model server.
        in_flight: Most requests of one piece at a time.
        timeout_s: Longest caption, its time in the queue included, seconds.
    """

    def __init__(self, inference: InferenceClient, *, in_flight: int = 16, timeout_s: float = 20.0) -> None:
        self._inference = inference
        self._in_flight = in_flight
        self._timeout_s = timeout_s

    async def caption(self, windows: HeardWindows, *, patience: Patience = at_once) -> Captions:
        """Caption every window that is music, and the whole of them. The same windows give the same words.

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        music = [index for index, row in enumerate(windows.tags) if is_music(row)]
        if not music:
            return Captions(("",) * len(windows.starts))
        step = max(1, -(-len(music) // _MOST_POOLED))
        some = music[::step]
        tokens: FloatArray = windows.tokens[some].mean(axis=0, dtype=np.float32)
        heard: FloatArray = windows.tags[some].mean(axis=0, dtype=np.float32)
        parts = [
            _Wish(windows.tokens[index].astype(np.float32), windows.tags[index], "whole", _PART_TOKENS)
            for index in music
        ]
        whole = [_Wish(tokens, heard, "whole", _WHOLE_TOKENS, seed) for seed in (None, *range(_DRAWN_WHOLE))]
        further = [
            _Wish(tokens, heard, topic, length, seed)
            for topic in TOPICS[1:]
            for seed in (None, *range(_DRAWN))
            for length in LENGTHS
        ]
        wishes = [*whole, *further, *parts]
        texts, version = await self._write_all(wishes, patience)
        told = {id(wish): text for wish, text in zip(wishes, texts, strict=True)}
        words = {index: told[id(wish)] for index, wish in zip(music, parts, strict=True)}
        return Captions(
            parts=tuple(words.get(index, "") for index in range(len(windows.starts))),
            whole=_distinct(told[id(wish)] for wish in whole),
            topics={
                topic: _triples([told[id(wish)] for wish in further if wish.topic == topic]) for topic in TOPICS[1:]
            },
            version=version,
        )

    async def _write_all(self, wishes: Sequence[_Wish], patience: Patience) -> tuple[list[str], str]:
        """The captions in order, and the version of the model."""
        slots = asyncio.Semaphore(self._in_flight)

        async def write(wish: _Wish) -> tuple[str, str]:
            async with slots:
                return await patience(lambda: self._write(wish))

        async with together() as group:
            tasks = [group.create_task(write(wish)) for wish in wishes]
        return [task.result()[0] for task in tasks], tasks[0].result()[1]

    async def _write(self, wish: _Wish) -> tuple[str, str]:
        async for answer in self._inference.stream(MODEL, wish.inputs(), deadline=self._timeout_s):
            if answer.outputs["kind"].item() == b"final":
                return tidy(answer.outputs["text"].item().decode()), answer.version
        raise Internal(f"{MODEL} ended without a caption")


def tidy(text: str) -> str:
    """A caption as whole sentences, each once: what broke off at the end is left out; "" where nothing is whole."""
    whole = " ".join(text[: text.rfind(".") + 1].split())
    sentences = dict.fromkeys(re.split(r"(?<=\.)\s+", whole)) if whole else {}
    return " ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _triples(texts: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    """Candidates of three lengths each, one after the other; those with an empty text are left out."""
    triples = zip(texts[::3], texts[1::3], texts[2::3], strict=True)
    return tuple(dict.fromkeys(triple for triple in triples if all(triple)))
