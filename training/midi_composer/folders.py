"""Where the composer's data, checkpoints and graphs lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CACHE: Final = Path("training/cache/midi_composer")
RUN: Final = Path("training/runs/midi_composer")
OUTPUT: Final = Path("model_repository/midi_composer/1")
