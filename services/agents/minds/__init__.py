"""What an agent thinks with: rules (in the agent itself), or a language model."""

from __future__ import annotations

from services.agents.minds.language import LanguageMind, MindFailed

__all__ = ["LanguageMind", "MindFailed"]
