"""How prompts came to be, as the agents tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentNote:
    """What an agent wrote on the blackboard.

    Attributes:
        author: "scene", "verb", "style", "colour", "composition", "validator" or "prompt".
        mind: What it thought with: "rules" or "llm".
        round: 1: first thoughts, 2: repairs, 3: prompts.
        prompt: Which prompt it is about, from 1; 0: all of them.
        topic: Such as "scene", "palette" or "mind".
        words: What it wrote.
        evidence: Why.
    """

    author: str
    mind: str
    round: int
    prompt: int
    topic: str
    words: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentFinding:
    """One thing that the validator found.

    Attributes:
        kind: "redundancy", "format", "contradiction", "emotion_mismatch" or "unsafe_content".
        severity: "warning" or "error".
        attribute: Such as "light".
        prompt: Which prompt, from 1; 0: all of them.
        message: What is wrong.
        suggestion: A repair that would do; "" where none is known.
        outcome: What became of it: "kept", "repaired" or "dropped".
    """

    kind: str
    severity: str
    attribute: str
    prompt: int
    message: str
    suggestion: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AgentReport:
    """How prompts came to be.

    Attributes:
        notes: In the order in which they were written.
        findings: What the validator found.
    """

    notes: tuple[AgentNote, ...]
    findings: tuple[AgentFinding, ...]
