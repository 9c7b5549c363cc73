"""Pictures as the models read them."""

from __future__ import annotations

from luce.server.vision.aesthetics import AestheticJudge
from luce.server.vision.pixels import SIDE, prepare
from luce.server.vision.reader import PictureReader, Seen

__all__ = ["SIDE", "AestheticJudge", "PictureReader", "Seen", "prepare"]
