"""From a description of music, and a person's own words, to prompts for pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from luce.errors import InvalidArgument
from luce.server.deadline import Deadline
from luce.v1 import agents_pb2
from services.agents import baselines, telling
from services.agents.blackboard import Blackboard, Remark, Topic
from services.agents.deliberation import Deliberation, Question
from services.agents.matching import Matcher, clues_of
from services.agents.minds import LanguageMind
from services.agents.naming import named_in
from services.agents.options import Baseline, plan_of
from services.agents.roles import Brief, Mind, Role, brief_of, negative_text
from services.agents.sensing import Sense

MAX_PROMPTS: Final = 8
MAX_TEXT_CHARACTERS: Final = 1000
_SHARE: Final = 0.8
"""Of the time that a request has left, what the agents may ask a language model for."""


@dataclass(frozen=True, slots=True)
class Imagined:
    """What came of it.

    Attributes:
        prompts: As many as were asked for.
        board: What the agents wrote on the way.
    """

    prompts: tuple[agents_pb2.Prompt, ...]
    board: Blackboard

    @property
    def report(self) -> agents_pb2.AgentReport:
        """How they came to be; made when it is asked for, because few ask."""
        return telling.report(self.board)


class Imagination:
    """The agents, ready for any number of requests at once.

    By rules, the same description, text, count, seed and options give the same prompts, and the first k prompts of a
    longer set are the prompts of the shorter set. The seed varies what is shown; the feeling comes from the music
    alone. Two pieces that differ draw differently, also with the same seed.

    Args:
        matcher: Compares words about the music with the lexicon.
        language: The language model's mind; None: there is none.
        mind: What the agents think with where a request does not say.
        sense: Feels a language model's words.
        think_s: How long the agents may ask a language model for one request, seconds; then rules go on.
    """

    def __init__(
        self,
        matcher: Matcher,
        language: LanguageMind | None = None,
        mind: Mind = Mind.RULES,
        sense: Sense | None = None,
        think_s: float = 45.0,
    ) -> None:
        self._matcher = matcher
        self._sense = sense or Sense()
        self._language = language
        self._mind = mind
        self._think_s = think_s

    async def imagine(
        self,
        music: agents_pb2.MusicDescription | None,
        text: str = "",
        count: int = 1,
        seed: int = 0,
        options: agents_pb2.AgentOptions | None = None,
    ) -> Imagined:
        """Prompts that differ from each other.

        Args:
            music: What the piece is like; None without music: every prompt is then the text as it stands.
            text: A person's own words, at most 1000 characters: the concept, which the music colours, never replaces.
            count: 1..8.
            seed: 0..2^64-1.
            options: Which agents have a say, and what they think with; None: all, as the service is set up.

        Raises:
            InvalidArgument: `count`, `text` or an option is out of its range, or there is neither music nor text.
            FailedPrecondition: A language model is asked for where there is none.
            Unavailable, ResourceExhausted, DeadlineExceeded: From the text encoder.
        """
        text = " ".join(text.split())
        if not 1 <= count <= MAX_PROMPTS:
            raise InvalidArgument(f"count must be in 1..{MAX_PROMPTS}, not {count}", field="count", limit="1..8")
        check_text(text)
        plan = plan_of(options, usual=self._mind, language=self._language is not None)
        board = Blackboard()
        if music is None:
            if not text:
                raise InvalidArgument("there is neither music nor text", field="text", limit="music, text or both")
            prompts = [agents_pb2.Prompt(text=text) for _ in range(count)]
            return Imagined(tuple(prompts), board)
        brief = brief_of(music)
        board.post(Role.SCENE, Remark(Topic.MUSIC, _felt(brief)), evidence=_measured(music))
        clues = clues_of(music)
        origin = _digest(music, text, seed)
        until = self._until()
        if plan.baseline is Baseline.CAPTION_ONLY:
            return _plain(baselines.caption_only(music, text, count), board)
        if plan.baseline is Baseline.SINGLE_AGENT:
            sampling = int.from_bytes(origin[:7], "big")
            written = await baselines.single_agent(
                music, brief, clues, text, count, plan, self._language, board, sampling, until
            )
            return _plain(written, board)
        for clue in clues:
            board.post(Role.SCENE, Remark(Topic.CLUE, clue.words), evidence=(f"{clue.source}, {clue.weight:.0%} sure",))
        named = named_in(text)
        for kind, name in named.items():
            board.post(Role.SCENE, Remark(Topic.WORDS, f"{kind}: {name}"), evidence=("the person's words",))
        question = Question(brief, clues, await self._matcher.pulls(clues), text, named, count, origin, plan, until)
        worded = await Deliberation(question, board, self._language, self._sense).run()
        negative = negative_text(brief.valence, brief.arousal, named)
        return Imagined(tuple(telling.prompt(one, negative) for one in worded), board)

    def _until(self) -> Deadline:
        """When asking a language model ends: early enough that rules can go on within the request's own deadline."""
        current = Deadline.current()
        left = self._think_s if current is None else _SHARE * current.remaining()
        return Deadline.after(min(self._think_s, left))


def check_text(text: str, *, field: str = "text") -> None:
    """Raise `InvalidArgument` where the text is longer than 1000 characters."""
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidArgument(
            f"{field} has {len(text)} characters; at most {MAX_TEXT_CHARACTERS}",
            field=field,
            limit=f"{MAX_TEXT_CHARACTERS} characters",
        )


def _plain(prompts: list[str], board: Blackboard) -> Imagined:
    return Imagined(tuple(agents_pb2.Prompt(text=prompt) for prompt in prompts), board)


def _digest(music: agents_pb2.MusicDescription, text: str, seed: int) -> bytes:
    """What the choices hang on, rounded, so that the last bit of a float on another machine changes nothing."""
    heard = (
        f"{music.duration_s:.1f} {music.tempo_bpm:.0f} {music.key} {music.loudness_lufs:.0f} "
        f"{music.emotion.valence:.2f} {music.emotion.arousal:.2f}"
    )
    return hashlib.sha256(f"{heard}|{text}|{seed}".encode()).digest()


def _felt(brief: Brief) -> str:
    """The emotion that the agents go by, in words."""
    if brief.silent:
        return "silence"
    return (
        f"valence {brief.valence:+.2f}, arousal {brief.arousal:+.2f}, pace {brief.pace:+.2f}, power {brief.power:+.2f}"
    )


def _measured(music: agents_pb2.MusicDescription) -> list[str]:
    told = [f"measured: valence {music.emotion.valence:+.2f}, arousal {music.emotion.arousal:+.2f}"]
    if music.tempo_bpm > 0:
        told.append(f"{music.tempo_bpm:.0f} bpm")
    if music.key:
        told.append(music.key)
    return [*told, f"{music.loudness_lufs:.0f} LUFS"]
