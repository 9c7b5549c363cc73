"""The mind that asks a language model: the music in, as data; choices and prompts out, checked by schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from luce.server.deadline import Deadline
from luce.server.llm import LanguageModel, LanguageModelFailed, Message
from luce.server.vocabulary import vocabulary
from services.agents.matching import Clue
from services.agents.minds.schemas import Prompts, choices_of, options_schema
from services.agents.minds.templates import VERSION, questions
from services.agents.roles import Agent, Brief, Choice, Finding, Proposal

A = TypeVar("A", bound=BaseModel)


class MindFailed(Exception):
    """The language model gave no answer that can be used; the message says why."""


class LanguageMind:
    """Asks one language model on behalf of all agents.

    Args:
        model: The language model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """The model, and the version of the questions."""
        return f"{self._model.name}, questions {VERSION}"

    async def choose(
        self,
        agent: Agent[Proposal],
        brief: Brief,
        clues: Sequence[Clue],
        text: str,
        given: Sequence[Mapping[str, str]],
        seed: int,
        until: Deadline,
    ) -> list[dict[str, Choice]]:
        """An agent's choices for each picture, by kind; what is given keeps its name.

        Args:
            agent: Who asks; its role and kinds.
            brief: The music.
            clues: Words about it.
            text: A person's own words.
            given: For each picture, kind to name of what is decided.
            seed: Of the model's sampling.
            until: When the whole request stops asking.

        Raises:
            MindFailed: No usable answer.
        """
        told = _music(brief, clues, text) | {"decided": [_plain(decided) for decided in given]}
        return await self._options(agent, told, [], given, seed, until)

    async def repair(
        self,
        agent: Agent[Proposal],
        brief: Brief,
        clues: Sequence[Clue],
        text: str,
        given: Mapping[str, str],
        findings: Sequence[Finding],
        seed: int,
        until: Deadline,
    ) -> dict[str, Choice]:
        """An agent's choices for one picture once more, told what was wrong. Raises `MindFailed`."""
        faults = [f"{finding.attribute}: {finding.message}" for finding in findings]
        told = _music(brief, clues, text) | {"decided": [_plain(given)], "faults": faults}
        return (await self._options(agent, told, [questions().repair], [given], seed, until))[0]

    async def prompts(
        self, drafts: Sequence[Mapping[str, Choice]], brief: Brief, text: str, seed: int, until: Deadline
    ) -> list[str]:
        """One prompt for each picture. Raises `MindFailed`."""
        told = {
            "emotion": _emotion(brief),
            "words of the person, which must open every prompt": text,
            "pictures": [{kind: choice.plain for kind, choice in draft.items()} for draft in drafts],
        }
        return await self._prompts(questions().prompt.substitute(count=len(drafts)), told, len(drafts), seed, until)

    async def single(
        self, brief: Brief, clues: Sequence[Clue], text: str, count: int, seed: int, until: Deadline
    ) -> list[str]:
        """The single agent's prompts. Raises `MindFailed`."""
        told = _music(brief, clues, text)
        return await self._prompts(questions().single.substitute(count=count), told, count, seed, until)

    async def _options(
        self,
        agent: Agent[Proposal],
        told: Mapping[str, Any],
        more: Sequence[str],
        given: Sequence[Mapping[str, str]],
        seed: int,
        until: Deadline,
    ) -> list[dict[str, Choice]]:
        role, count = agent.role.value, len(given)
        schema = options_schema(role, agent.kinds, agent.optional)
        answer: Any = await self._ask([questions().instruct(role, count), *more], told, schema, seed, until)
        if len(answer.options) < count:
            raise MindFailed(f"{len(answer.options)} options for {count} pictures")
        thought = " ".join(answer.reasoning.split())[:400]
        reasons = (f"thought: {thought}",) if thought else ()
        chosen = []
        for option, decided in zip(answer.options, given, strict=False):
            choices = choices_of(option, agent.kinds, reasons)
            for kind in agent.kinds:
                if kind in decided:
                    choices[kind] = Choice(kind, decided[kind], reasons=("it is given",))
            chosen.append(choices)
        return chosen

    async def _prompts(
        self, instruction: str, told: Mapping[str, Any], count: int, seed: int, until: Deadline
    ) -> list[str]:
        answer = await self._ask([instruction], told, Prompts, seed, until)
        written = [" ".join(prompt.split()) for prompt in answer.prompts if prompt.strip()]
        if len(written) < count:
            raise MindFailed(f"{len(written)} prompts for {count} pictures")
        return written[:count]

    async def _ask(
        self, instructions: Sequence[str], told: Mapping[str, Any], schema: type[A], seed: int, until: Deadline
    ) -> A:
        messages = [
            Message("system", "\n\n".join(instructions)),
            Message("user", orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()),
        ]
        try:
            return (await self._model.answer(messages, schema, deadline=until.remaining(), seed=seed)).value
        except LanguageModelFailed as failure:
            raise MindFailed(str(failure)) from failure


def _music(brief: Brief, clues: Sequence[Clue], text: str) -> dict[str, Any]:
    return {
        "emotion": _emotion(brief),
        "pace from slow (-1) to fast (1)": round(brief.pace, 2),
        "power from soft (-1) to loud (1)": round(brief.power, 2),
        "mode": brief.mode or "unclear",
        "silence": brief.silent,
        "heard": [{"what": clue.source, "words": clue.words, "sure": round(clue.weight, 2)} for clue in clues],
        "words of the person": text,
    }


def _emotion(brief: Brief) -> dict[str, float]:
    return {"valence": round(brief.valence, 2), "arousal": round(brief.arousal, 2)}


def _plain(given: Mapping[str, str]) -> dict[str, str]:
    return {kind: vocabulary().entry(kind, name).phrases[0] for kind, name in given.items()}
