"""One request among the agents: first thoughts, findings, repairs, prompts; all of it on the blackboard."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from luce.server.deadline import Deadline
from luce.server.measures.text import content_words
from services.agents.blackboard import Blackboard, Remark, Round, Topic
from services.agents.matching import Clue
from services.agents.minds import LanguageMind, MindFailed
from services.agents.options import Plan
from services.agents.phrasing import Phrasing
from services.agents.roles import (
    ROLE_OF,
    Agent,
    Brief,
    Choice,
    ColourAgent,
    CompositionAgent,
    Finding,
    Kind,
    Mind,
    Outcome,
    PromptAgent,
    Proposal,
    Pulls,
    Role,
    Said,
    SceneAgent,
    Severity,
    StyleAgent,
    Task,
    ValidatorAgent,
    VerbAgent,
    Worded,
    default_choices,
)
from services.agents.sensing import Sense

_LEAST_KEPT: Final = 0.6
"""Share of the attributes' words that a language model's prompt must keep: the picture model knows those."""

Draft = dict[str, Choice]
"""The attributes of one picture, by kind."""

_AGENTS: Final[Mapping[Role, Agent[Proposal]]] = {
    agent.role: agent for agent in (SceneAgent(), VerbAgent(), StyleAgent(), ColourAgent(), CompositionAgent())
}


@dataclass(frozen=True, slots=True)
class Question:
    """What the agents are to imagine.

    Attributes:
        brief: The music.
        clues: Words about it.
        pulls: What they call for.
        text: A person's own words.
        named: Kind to name of what these name.
        count: Prompts.
        origin: What chance hangs on.
        plan: Who has a say, and with what mind.
        until: When the agents stop asking a language model, and go on by rules.
    """

    brief: Brief
    clues: Sequence[Clue]
    pulls: Pulls
    text: str
    named: Mapping[str, str]
    count: int
    origin: bytes
    plan: Plan
    until: Deadline

    def rng(self, role: Role, picture: int, what: str = "") -> random.Random:
        """Chance of one agent about one picture: nobody else's draws, nor the number of pictures, change it."""
        return random.Random(hashlib.sha256(self.origin + f"|{role.value}|{picture}|{what}".encode()).digest())

    def seed(self, role: Role) -> int:
        """Seed of a language model's sampling."""
        return self.rng(role, 0, "llm").getrandbits(63)


class Deliberation:
    """The agents around one table, for one question.

    Args:
        question: What is asked.
        board: Where they write.
        language: The language model's mind; None: there is none.
        sense: Feels a language model's words.
    """

    def __init__(self, question: Question, board: Blackboard, language: LanguageMind | None, sense: Sense) -> None:
        self._question = question
        self._sense = sense
        self._board = board
        self._language = language
        self._validator = ValidatorAgent()
        self._writer = PromptAgent()
        self._silent_kinds = frozenset(kind for kind, role in ROLE_OF.items() if role in question.plan.silent)

    async def run(self) -> list[Worded]:
        """The prompts, each with its attributes."""
        drafts = await self._first_thoughts()
        if Role.VALIDATOR not in self._question.plan.silent:
            for finding in self._validator.check_text(self._question.text):
                self._board.post(Role.VALIDATOR, finding, round=Round.FIRST)
            drafts = [await self._validated(index, draft) for index, draft in enumerate(drafts)]
        return await self._prompts(drafts)

    # First thoughts.

    async def _first_thoughts(self) -> list[Draft]:
        """All five at once, but colour, which goes by what the others decided."""
        question = self._question
        named = [dict(question.named) for _ in range(question.count)]

        async def colours() -> list[Draft]:
            decided: list[dict[str, str]] = [{} for _ in range(question.count)]
            for task in (scene, *others):
                for names, choices in zip(decided, await task, strict=True):
                    names.update({kind: choice.name for kind, choice in choices.items()})
            return await self._think(_AGENTS[Role.COLOUR], [{**names, **question.named} for names in decided])

        async with asyncio.TaskGroup() as group:
            scene = group.create_task(self._think(_AGENTS[Role.SCENE], named))
            others = [
                group.create_task(self._think(_AGENTS[role], named))
                for role in (Role.VERB, Role.STYLE, Role.COMPOSITION)
            ]
            colour = group.create_task(colours())
        drafts: list[Draft] = [{} for _ in range(question.count)]
        for task in (scene, *others, colour):
            for draft, choices in zip(drafts, task.result(), strict=True):
                draft.update(choices)
        if question.text:
            # The person's words are the concept: what is shown is theirs to say.
            for draft in drafts:
                for kind in ("scene", "subject"):
                    if kind not in question.named:
                        draft.pop(kind, None)
        return drafts

    async def _think(self, agent: Agent[Proposal], given: Sequence[Mapping[str, str]]) -> list[Draft]:
        """One agent's choices for each picture, written on the board."""
        question, mind = self._question, self._question.plan.mind(agent.role)
        if agent.role in question.plan.silent:
            thoughts = [self._defaults(agent) for _ in given]
            mind = Mind.RULES
        elif mind is Mind.LLM and self._language is not None:
            try:
                thoughts = await self._language.choose(
                    agent,
                    question.brief,
                    question.clues,
                    question.text,
                    given,
                    question.seed(agent.role),
                    question.until,
                )
                self._remark(agent.role, mind, f"thought with {self._language.name}")
            except MindFailed as failure:
                self._fell_back(agent.role, failure)
                thoughts, mind = self._by_rules(agent, given), Mind.RULES
        else:
            thoughts = self._by_rules(agent, given)
        for index, choices in enumerate(thoughts):
            for choice in choices.values():
                self._board.post(agent.role, choice, mind=mind, picture=index + 1, evidence=choice.reasons)
        return thoughts

    def _by_rules(self, agent: Agent[Proposal], given: Sequence[Mapping[str, str]]) -> list[Draft]:
        used: Counter[tuple[str, str]] = Counter()
        thoughts = []
        for index, decided in enumerate(given):
            task = Task(self._question.brief, self._question.pulls, decided, used)
            choices = agent.choose(task, self._question.rng(agent.role, index)).choices()
            used.update((choice.kind, choice.name) for choice in choices)
            thoughts.append({choice.kind: choice for choice in choices})
        return thoughts

    def _defaults(self, agent: Agent[Proposal]) -> Draft:
        named = {
            kind: Choice(kind, name, reasons=("it is given",))
            for kind, name in self._question.named.items()
            if kind in agent.kinds
        }
        return default_choices(agent) | named

    # Findings and repairs.

    async def _validated(self, index: int, draft: Draft) -> Draft:
        """The attributes of one picture after their one repair; what is wrong still is dropped."""
        errors = []
        for finding in await self._check(index, draft):
            if finding.severity is Severity.ERROR:
                errors.append(finding)
            else:
                self._board.post(Role.VALIDATOR, finding, picture=index + 1)
        if not errors:
            return draft
        mended = dict(draft)
        for role in dict.fromkeys(ROLE_OF[finding.attribute] for finding in errors):
            concerned = [finding for finding in errors if ROLE_OF[finding.attribute] is role]
            mended |= await self._repaired(role, index, mended, concerned)
        left = [finding for finding in await self._check(index, mended) if finding.severity is Severity.ERROR]
        wrong = {finding.attribute: finding.message for finding in left}
        repaired = {finding.attribute for finding in errors}
        told = []
        for finding in errors:
            if finding.attribute in wrong:
                told.append(finding.ended(Outcome.DROPPED, f"after its repair: {wrong[finding.attribute]}"))
            else:
                told.append(finding.ended(Outcome.REPAIRED))
        # What a repair of something else has made wrong has had its turn too.
        told += [one.ended(Outcome.DROPPED, "since a repair") for one in left if one.attribute not in repaired]
        for finding in told:
            self._board.post(Role.VALIDATOR, finding, round=Round.REPAIR, picture=index + 1)
        return {kind: choice for kind, choice in mended.items() if kind not in wrong}

    async def _check(self, index: int, draft: Draft) -> list[Finding]:
        question = self._question
        # The defaults of silent agents are nobody's own words.
        felt = await self._sense.felt({k: choice for k, choice in draft.items() if k not in self._silent_kinds})
        return self._validator.check(index + 1, draft, question.brief, question.named, self._silent_kinds, felt)

    async def _repaired(self, role: Role, index: int, draft: Draft, concerned: Sequence[Finding]) -> Draft:
        """New choices for the attributes that findings are about."""
        question, agent = self._question, _AGENTS[role]
        wrong = {finding.attribute for finding in concerned}
        given = {kind: choice.name for kind, choice in draft.items() if kind not in wrong}
        thoughts: Draft | None = None
        mind = question.plan.mind(role)
        if mind is Mind.LLM and self._language is not None:
            try:
                thoughts = await self._language.repair(
                    agent,
                    question.brief,
                    question.clues,
                    question.text,
                    given,
                    concerned,
                    question.seed(role),
                    question.until,
                )
            except MindFailed as failure:
                self._fell_back(role, failure)
        if thoughts is None:
            mind = Mind.RULES
            task = Task(
                question.brief, question.pulls, given, {}, {kind: frozenset({draft[kind].name}) for kind in wrong}
            )
            thoughts = {
                choice.kind: choice for choice in agent.choose(task, question.rng(role, index, "repair")).choices()
            }
            # Where only the words were at fault, the entry stays and is said plainly.
            for finding in concerned:
                if finding.kind in (Kind.FORMAT, Kind.UNSAFE_CONTENT):
                    thoughts[finding.attribute] = Choice(finding.attribute, draft[finding.attribute].name)
        mended = {kind: thoughts[kind] for kind in agent.kinds if kind in wrong and kind in thoughts}
        for choice in mended.values():
            self._board.post(
                role,
                choice,
                mind=mind,
                round=Round.REPAIR,
                picture=index + 1,
                evidence=[one.message for one in concerned],
            )
        return mended

    # Prompts.

    async def _prompts(self, drafts: Sequence[Draft]) -> list[Worded]:
        question, language = self._question, self._language
        written: list[str | None] = [None] * question.count
        if Role.PROMPT in question.plan.silent:
            return [self._joined(draft) for draft in drafts]
        if question.plan.mind(Role.PROMPT) is Mind.LLM and language is not None:
            try:
                seed = question.seed(Role.PROMPT)
                answers = await language.prompts(drafts, question.brief, question.text, seed, question.until)
                written = [self._kept(draft, answer) for draft, answer in zip(drafts, answers, strict=True)]
                self._remark(Role.PROMPT, Mind.LLM, f"thought with {language.name}", Round.PROMPTS)
            except MindFailed as failure:
                self._fell_back(Role.PROMPT, failure, Round.PROMPTS)
        said, taken, prompts = Said(), list[Phrasing](), list[Worded]()
        for index, draft in enumerate(drafts):
            answer, mind = written[index], Mind.LLM
            if answer is None:
                worded, mind = self._write(index, draft, said, taken), Mind.RULES
            else:
                worded = Worded(answer, {kind: choice.plain for kind, choice in draft.items()}, draft)
            worded, mind = self._proofread(index, draft, [*prompts, worded], mind, said, taken)
            said.add(worded.text)
            prompts.append(worded)
            self._remark(Role.PROMPT, mind, worded.text, Round.PROMPTS, Topic.PROMPT, index + 1)
        return prompts

    def _write(self, index: int, draft: Draft, said: Said, taken: list[Phrasing], what: str = "") -> Worded:
        question = self._question
        worded, phrasing = self._writer.write(
            draft,
            question.brief,
            said,
            question.rng(Role.PROMPT, index, what),
            text=question.text,
            named=question.named if question.text else None,
            taken=taken,
        )
        taken.append(phrasing)
        return worded

    def _proofread(
        self, index: int, draft: Draft, prompts: list[Worded], mind: Mind, said: Said, taken: list[Phrasing]
    ) -> tuple[Worded, Mind]:
        """The last prompt, written once more where the validator finds errors in it."""
        if Role.VALIDATOR in self._question.plan.silent:
            return prompts[-1], mind
        errors = self._errors(prompts)
        if not errors:
            return prompts[-1], mind
        again = self._write(index, draft, said, taken, "again")
        left = {finding.kind for finding in self._errors([*prompts[:-1], again])}
        for finding in errors:
            outcome = Outcome.KEPT if finding.kind in left else Outcome.REPAIRED
            self._board.post(Role.VALIDATOR, finding.ended(outcome), round=Round.PROMPTS, picture=index + 1)
        return again, Mind.RULES

    def _errors(self, prompts: Sequence[Worded]) -> list[Finding]:
        found = self._validator.check_prompts([prompt.text for prompt in prompts], self._question.text)
        return [finding for finding in found if finding.picture == len(prompts)]

    def _joined(self, draft: Draft) -> Worded:
        """Without a prompt agent: the plain words, in one order."""
        named = self._question.named
        said = {
            kind: draft[kind].plain for kind in ROLE_OF if kind in draft and not (self._question.text and kind in named)
        }
        return Worded(", ".join(filter(None, (self._question.text, *said.values()))), said, draft)

    def _kept(self, draft: Draft, answer: str) -> str | None:
        """A language model's prompt, where it keeps the person's words and enough of the attributes'."""
        text = self._question.text
        if text and not answer.lower().startswith(text.rstrip(" .,;").lower()):
            return None
        wanted = frozenset(word for choice in draft.values() for word in content_words(choice.plain))
        kept = len(wanted & content_words(answer)) / len(wanted) if wanted else 1.0
        return answer if kept >= _LEAST_KEPT else None

    # Notes.

    def _remark(
        self,
        role: Role,
        mind: Mind,
        words: str,
        when: Round = Round.FIRST,
        topic: Topic = Topic.MIND,
        picture: int = 0,
    ) -> None:
        self._board.post(role, Remark(topic, words), mind=mind, round=when, picture=picture)

    def _fell_back(self, role: Role, failure: MindFailed, when: Round = Round.FIRST) -> None:
        self._remark(role, Mind.RULES, f"rules in place of the language model: {failure}", when)
