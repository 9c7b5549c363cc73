"""Prompts and the blackboard into messages of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from luce.emotion import Emotion
from luce.server.vocabulary import lexicon
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.blackboard import Blackboard, Note, Remark
from services.agents.roles import Choice, Finding, Worded, predicted_emotion

_FIELD: Final = {
    "scene": "scene",
    "subject": "subject",
    "motion": "verb",
    "style": "style",
    "palette": "palette",
    "light": "lighting",
    "weather": "weather",
    "time": "time_of_day",
    "composition": "composition",
    "mood": "mood",
    "texture": "texture",
}


def prompt(worded: Worded, negative: str) -> agents_pb2.Prompt:
    """One prompt with its attributes: in its own words, and by their names."""
    words = {_FIELD[kind]: said for kind, said in worded.said.items()}
    for kind, choice in worded.choices.items():
        # What a person's text says is told in the vocabulary's words.
        words.setdefault(_FIELD[kind], choice.plain)
    attributes = agents_pb2.VisualAttributes(**words, iconography=_iconography(worded.choices, words))
    told = agents_pb2.Prompt(
        text=worded.text,
        negative_text=negative,
        attributes=attributes,
        vocabulary={kind: choice.name for kind, choice in worded.choices.items()},
    )
    if (felt := predicted_emotion(worded.choices)) is not None:
        told.emotion.CopyFrom(emotion(felt))
    return told


def emotion(felt: Emotion) -> emotion_pb2.Emotion:
    """An emotion as a message."""
    return emotion_pb2.Emotion(valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance)


def _iconography(choices: Mapping[str, Choice], words: Mapping[str, str]) -> str:
    """What stands where, and for what."""
    place = " ".join(filter(None, (words.get("scene"), words.get("time_of_day"))))
    subject = choices.get("subject")
    if subject is None:
        return place
    meaning = lexicon().wording("subject", subject.name).stands_for
    return ", ".join(filter(None, (words["subject"], place, f"for {meaning}" if meaning else "")))


def report(board: Blackboard) -> agents_pb2.AgentReport:
    """All that was written, and what became of each finding."""
    return agents_pb2.AgentReport(
        notes=[_note(note) for note in board.notes if not isinstance(note.content, Finding)],
        findings=[_finding(finding) for finding in board.findings()],
    )


def _note(note: Note) -> agents_pb2.AgentNote:
    content = note.content
    if isinstance(content, Choice):
        topic, words = content.kind, content.plain
    elif isinstance(content, Remark):
        topic, words = content.topic.value, content.words
    else:
        topic, words = content.attribute, content.message
    return agents_pb2.AgentNote(
        author=agents_pb2.AgentRole.Value(f"AGENT_ROLE_{note.author.name}"),
        mind=agents_pb2.AgentMind.Value(f"AGENT_MIND_{note.mind.name}"),
        round=int(note.round),
        prompt=note.picture,
        topic=topic,
        words=words,
        evidence=note.evidence,
    )


def _finding(finding: Finding) -> agents_pb2.AgentFinding:
    return agents_pb2.AgentFinding(
        kind=agents_pb2.FindingKind.Value(f"FINDING_KIND_{finding.kind.name}"),
        severity=agents_pb2.FindingSeverity.Value(f"FINDING_SEVERITY_{finding.severity.name}"),
        attribute=finding.attribute,
        prompt=finding.picture,
        message=finding.message,
        suggestion=finding.suggestion,
        outcome=agents_pb2.FindingOutcome.Value(f"FINDING_OUTCOME_{finding.outcome.name}"),
    )
