"""Colour grading: the named palette, then the emotion."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from luce.server.vocabulary import vocabulary
from training.painter.canvas import Canvas, mix
from training.painter.noise import Array

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of the channels in brightness (ITU-R BT.601)."""

LEAST_SPREAD = 0.11
"""Standard deviation of brightness, over a grid of 16 x 16, below which a picture is stretched: mist stays readable."""

PALETTE_SHARE = 0.72
"""How far a named palette replaces the natural colours."""


@lru_cache(maxsize=64)
def palette_colours(name: str) -> Array | None:
    """The palette's colours from dark to light, float32 (5, 3) in [0, 1]; None for `natural`."""
    colours = vocabulary().entry("palette", name).colours
    if not colours:
        return None
    return np.array([[int(c[i : i + 2], 16) / 255.0 for i in (1, 3, 5)] for c in colours], dtype=np.float32)


def luminance(image: Array) -> Array:
    """Brightness (..., 3) -> (...)."""
    return np.asarray(image @ LUMA, dtype=np.float32)


def apply_palette(canvas: Canvas) -> None:
    """Pull the colours toward the palette, keeping the order of light and dark and a share of the natural hues."""
    colours = palette_colours(canvas.wish.palette)
    if colours is None:
        return
    light = luminance(np.clip(canvas.pixels, 0.0, 1.0))
    stops = np.linspace(0.04, 0.94, len(colours))
    ramp = np.stack([np.interp(light, stops, colours[:, channel]) for channel in range(3)], axis=-1)
    canvas.pixels = mix(canvas.pixels, ramp.astype(np.float32), PALETTE_SHARE)


def apply_emotion(canvas: Canvas) -> None:
    """Valence brightens, warms and saturates; arousal saturates and adds contrast."""
    v, a = canvas.wish.valence, canvas.wish.arousal
    grey = luminance(canvas.pixels)[..., None]
    image = grey + (canvas.pixels - grey) * (1.0 + 0.30 * v + 0.25 * a)
    centre = float(np.mean(grey))
    image = (image - centre) * (1.0 + 0.22 * a) + centre + 0.075 * v
    masses = Image.fromarray(grey[..., 0].astype(np.float32)).resize((16, 16), Image.Resampling.BOX)
    spread = float(np.std(np.asarray(masses))) * (1.0 + 0.22 * a)
    if spread < LEAST_SPREAD:
        image = (image - centre) * min(2.5, LEAST_SPREAD / max(spread, 0.01)) + centre
    image = image + 0.035 * v * np.array([1.0, 0.2, -1.0], dtype=np.float32)
    canvas.pixels = np.clip(image, 0.0, 1.0).astype(np.float32)
