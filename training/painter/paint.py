"""The painter: attributes and a seed in, a picture out, at any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from luce.server.vocabulary import Attributes
from training.painter.grade import apply_emotion, apply_palette
from training.painter.lighting import light_up
from training.painter.scenes import SCENES
from training.painter.sky import paint_sky
from training.painter.styles import STYLES
from training.painter.subjects import paint_subject
from training.painter.weather import paint_frame, paint_rays, paint_weather

SIZES = (16, 2048)
"""Smallest and largest side the painter draws, in pixels."""


def paint(wish: Attributes, seed: int, size: int = 64) -> npt.NDArray[np.uint8]:
    """Draw one picture: uint8 (size, size, 3), sRGB.

    The same attributes, seed and size give the same bytes; another size gives the same scene in more or less detail.

    Raises:
        ValueError: if `size` is outside `SIZES`.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size: {size} is outside {SIZES[0]}..{SIZES[1]}")
    working = max(128, size * 2 if size <= 128 else size * 3 // 2)
    canvas, top, bottom = light_up(wish, seed, working)
    paint_sky(canvas, top, bottom)
    place = SCENES[wish.scene](canvas)
    paint_subject(canvas, place)
    paint_weather(canvas)
    paint_rays(canvas)
    paint_frame(canvas)
    if wish.light == "soft":
        canvas.pixels = canvas.pixels * 0.90 + 0.05
    apply_palette(canvas)
    apply_emotion(canvas)
    image = np.clip(STYLES[wish.style](canvas), 0.0, 1.0)
    picture = Image.fromarray((image * 255.0 + 0.5).astype(np.uint8))
    if working != size:
        picture = picture.resize((size, size), Image.Resampling.BOX)
    return np.asarray(picture)
