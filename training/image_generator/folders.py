"""Where data, checkpoints and the exported model lie, from the root of the checkout."""

from __future__ import annotations

from pathlib import Path

RUN = Path("training/runs/image_generator")
DATA = Path("training/cache/image_generator")
TARGET = Path("model_repository/image_generator/1")
