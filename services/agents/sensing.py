"""How words feel that are none of the vocabulary's: those of a language model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from luce.emotion import Emotion
from luce.errors import ServiceError
from luce.server.inference import Felt
from services.agents.roles import Choice

_log = logging.getLogger(__name__)


class Feels(Protocol):
    """What feels texts: `luce.server.inference.TextFeeler`."""

    async def feel(self, texts: Sequence[str], *, deadline: float) -> list[Felt]:
        """The emotion of each text."""


class Sense:
    """Feels the own words of choices. Where the model is away nothing is felt, and the vocabulary alone counts.

    Args:
        feeler: Feels texts; None: nothing is felt.
        timeout_s: Longest call, seconds.
    """

    def __init__(self, feeler: Feels | None = None, timeout_s: float = 5.0) -> None:
        self._feeler = feeler
        self._timeout_s = timeout_s

    async def felt(self, choices: Mapping[str, Choice]) -> dict[str, Emotion]:
        """Kind to emotion of the choices that have words of their own."""
        own = {kind: choice.words for kind, choice in choices.items() if choice.words}
        if not own or self._feeler is None:
            return {}
        try:
            found = await self._feeler.feel(list(own.values()), deadline=self._timeout_s)
        except ServiceError as error:
            _log.warning("the words of the language model are not felt: %s", error.message)
            return {}
        return {kind: one.emotion for kind, one in zip(own, found, strict=True)}
