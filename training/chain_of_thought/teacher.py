"""Who reasons: rules and lexicons, or a language model that is asked as CoT-VTM asks it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Protocol

from luce.server.chain import Chain, Impression, InvalidRecord, Record, parse_record, read

Complete = Callable[[str], str]
"""A prompt in, a language model's answer out."""

ATTEMPTS = 3
"""How often a language model is asked for one record."""

_EXAMPLE_SEED = 3


class Teacher(Protocol):
    """Makes a record of an impression."""

    def think(self, impression: Impression, seed: int) -> Record:
        """The three steps for one description.

        Raises:
            InvalidRecord: what came out breaks the schema.
        """


class RulesTeacher:
    """The chain itself: deterministic, a thousand records in a second."""

    def __init__(self) -> None:
        self._chain = Chain()

    def think(self, impression: Impression, seed: int) -> Record:
        """The record of `Chain.think`; a description that it had to make up itself included."""
        return parse_record(self._chain.think(impression, seed).record.to_json())


class ModelTeacher:
    """A language model: expert role, task, three steps, an example, the description (CoT-VTM, appendix A.1 and A.2).

    Args:
        complete: asks the model.
        attempts: an answer that breaks the schema is asked for again, with the breach named.
    """

    def __init__(self, complete: Complete, attempts: int = ATTEMPTS) -> None:
        self._complete = complete
        self._attempts = attempts

    def think(self, impression: Impression, seed: int) -> Record:
        """Ask until the schema is kept. The seed asks for another of several fitting musics."""
        asked = prompt(impression, seed)
        breach: InvalidRecord | None = None
        for _ in range(self._attempts):
            again = f"\nYour last answer was refused: {breach}. Answer with the JSON alone." if breach else ""
            try:
                return parse_record(_json_in(self._complete(asked + again)))
            except InvalidRecord as error:
                breach = error
        raise breach or InvalidRecord("record", "no attempt was allowed")


def prompt(impression: Impression, seed: int) -> str:
    """What a language model is asked: our own wording of the published prompt's five sections."""
    example = RulesTeacher().think(read("A child holds a red balloon at the edge of a calm lake."), _EXAMPLE_SEED)
    emotion = impression.emotion
    return "\n".join(
        (
            "You are an expert in pictures and in film music.",
            "Describe background music that fits the scene below. Nothing links pictures and music directly, so think "
            "in three steps, give the reasoning of each, and answer with one JSON object.",
            "Step 1: find the visual elements: object (what is there that matters for the music), emotion, dynamic "
            "(how much moves), color. Then put the scene in words.",
            "Step 2: from these elements infer the music elements: genre, instruments (a list of 1 to 8), emotion, "
            "rhythm.",
            "Step 3: from the music elements write the description of the music, in one or two sentences.",
            "Example:",
            json.dumps(example.to_json(), indent=1),
            f"Scene (variant {seed}; other variants are other music that fits as well): {impression.description}",
            f"People rated it: valence {emotion.valence:+.2f}, arousal {emotion.arousal:+.2f}, each from -1 to 1.",
        )
    )


def _json_in(answer: str) -> object:
    """The first JSON object of an answer, whatever stands around it."""
    found = re.search(r"\{.*\}", answer, flags=re.DOTALL)
    try:
        return json.loads(found.group()) if found else None
    except ValueError as error:
        raise InvalidRecord("record", f"not JSON ({error})") from error
