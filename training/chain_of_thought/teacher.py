"""Who reasons: rules and lexicons, or a language model that is asked as CoT-VTM asks it."""

from __future__ import annotations

import json
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints

from luce.server.chain import Chain, Impression, InvalidRecord, Record, parse_record, read
from luce.server.chain.record import MAX_TEXT
from luce.server.llm import LanguageModel, LanguageModelFailed, Message

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, strip_whitespace=True)]

_EXAMPLE_SEED = 3
_EXPERT = "You are an expert in pictures and in film music."
_TASK = (
    "Describe background music that fits the scene. Nothing links pictures and music directly, so think in three "
    "steps, give the reasoning of each, and answer with one JSON object.\n"
    "Step 1: find the visual elements: object (what is there that matters for the music), emotion, dynamic (how much "
    "moves), color. Then put the scene in words.\n"
    "Step 2: from these elements infer the music elements: genre, instruments (1 to 8 names), emotion, rhythm.\n"
    "Step 3: from the music elements write the description of the music, in one or two sentences."
)


class Teacher(Protocol):
    """Makes a record of an impression."""

    async def think(self, impression: Impression, seed: int) -> Record:
        """The three steps for one description.

        Raises:
            InvalidRecord: there is none that keeps the schema.
        """


class RulesTeacher:
    """The chain itself: deterministic, hundreds of records a second."""

    def __init__(self) -> None:
        self._chain = Chain()

    async def think(self, impression: Impression, seed: int) -> Record:
        """The record of `Chain.think`, checked as any other."""
        return parse_record(self._chain.think(impression, seed).record.to_json())


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VisualAnswer(_Closed):
    """The visual elements."""

    object: Text
    emotion: Text
    dynamic: Text
    color: Text


class MusicAnswer(_Closed):
    """The music elements."""

    genre: Text
    instruments: list[Text]
    emotion: Text
    rhythm: Text


class Reasoning(_Closed):
    """What a language model is asked for: the keys of the published prompt."""

    image_description: Text
    step1_reasoning: Text
    visual_elements: VisualAnswer
    visual_description: Text
    step2_reasoning: Text
    music_elements: MusicAnswer
    step3_reasoning: Text
    music_description: Text


class ModelTeacher:
    """A language model: expert role, task, three steps, an example, the description (CoT-VTM, appendix A.1 and A.2).

    Args:
        model: is asked; it asks again by itself where an answer breaks the schema.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def think(self, impression: Impression, seed: int) -> Record:
        """Another seed asks for another of several musics that fit."""
        try:
            answer = await self._model.answer(await messages(impression), Reasoning, seed=seed)
        except LanguageModelFailed as error:
            raise InvalidRecord("record", str(error)) from error
        return parse_record({**answer.value.model_dump(), "image_description": impression.description})


async def messages(impression: Impression) -> list[Message]:
    """What a language model is asked: our own wording of the published prompt's sections."""
    example = await RulesTeacher().think(read("A child holds a red balloon at the edge of a calm lake."), _EXAMPLE_SEED)
    emotion = impression.emotion
    scene = (
        f"Scene: {impression.description}\n"
        f"It feels like valence {emotion.valence:+.2f}, arousal {emotion.arousal:+.2f}, each from -1 to 1."
    )
    shown = json.dumps(example.to_json(), indent=1)
    return [Message("system", f"{_EXPERT}\n{_TASK}\nExample:\n{shown}"), Message("user", scene)]
