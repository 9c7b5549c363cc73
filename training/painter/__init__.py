"""A procedural painter of landscapes: unlimited training pictures with exact captions."""

from __future__ import annotations

from training.painter.paint import paint
from training.painter.sampling import sample_attributes

__all__ = ["paint", "sample_attributes"]
