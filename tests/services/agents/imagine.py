"""The agents without servers: music whose words are not looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from luce.server.inference import Embedded
from luce.v1 import agents_pb2
from services.agents.imagining import Imagination, Imagined
from services.agents.matching import Matcher


class NoWords:
    """An embedder for music without words: it must not be asked."""

    async def embed(self, texts: Sequence[str], *, deadline: float) -> Embedded:
        raise AssertionError(f"nobody should look up {texts}")


RULES = Imagination(Matcher(NoWords()))


def imagined(
    music: agents_pb2.MusicDescription | None, text: str = "", count: int = 1, seed: int = 0, **options: Any
) -> Imagined:
    """What the agents make of it by rules."""
    return asyncio.run(RULES.imagine(music, text, count, seed, agents_pb2.AgentOptions(**options)))


def prompts(
    music: agents_pb2.MusicDescription | None, text: str = "", count: int = 1, seed: int = 0, **options: Any
) -> list[agents_pb2.Prompt]:
    """The prompts alone."""
    return list(imagined(music, text, count, seed, **options).prompts)
