"""What the agents are compared with (MESA-MIG §3.4): the caption alone, and one agent alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from luce.server.deadline import Deadline
from luce.server.vocabulary import vocabulary
from luce.v1 import agents_pb2
from services.agents.blackboard import Blackboard, Remark, Round, Topic
from services.agents.matching import Clue
from services.agents.minds import LanguageMind, MindFailed
from services.agents.options import Plan
from services.agents.roles import Brief, Mind, Role

# The single agent's ways to say it, in turn.
_SINGLE: Final = (
    "a {mood} picture of {caption}",
    "{caption}, as a {mood} scene",
    "{mood} image inspired by {caption}",
    "an illustration for {caption}, {mood}",
)


def caption_of(music: agents_pb2.MusicDescription) -> str:
    """The caption of the music, or else what was measured of it in words."""
    return " ".join((music.caption or music.summary or "music").split())


def caption_only(music: agents_pb2.MusicDescription, text: str, count: int) -> list[str]:
    """Prompts that are the caption, all the same; after the person's words where there are any."""
    return [", ".join(filter(None, (text, caption_of(music))))] * count


async def single_agent(
    music: agents_pb2.MusicDescription,
    brief: Brief,
    clues: Sequence[Clue],
    text: str,
    count: int,
    plan: Plan,
    language: LanguageMind | None,
    board: Blackboard,
    seed: int,
    until: Deadline,
) -> list[str]:
    """Prompts by one agent that sees caption and emotion: no attributes apart, nobody who checks."""
    mind = plan.mind(Role.PROMPT)
    if mind is Mind.LLM and language is not None:
        try:
            prompts = await language.single(brief, clues, text, count, seed, until)
            board.post(Role.PROMPT, Remark(Topic.MIND, f"thought with {language.name}"), mind=mind, round=Round.PROMPTS)
            return prompts
        except MindFailed as failure:
            remark = Remark(Topic.MIND, f"rules in place of the language model: {failure}")
            board.post(Role.PROMPT, remark, round=Round.PROMPTS)
    mood = vocabulary().nearest("mood", brief.valence, brief.arousal)[0]
    caption = caption_of(music).rstrip(".")
    written = [
        _SINGLE[index % len(_SINGLE)].format(mood=mood.phrases[index // len(_SINGLE) % 2], caption=caption)
        for index in range(count)
    ]
    return [", ".join(filter(None, (text, prompt))) for prompt in written]
