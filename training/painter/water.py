"""Water: mirrored sky and shore, ripples, waves, the glitter of sun or moon."""

from __future__ import annotations

import numpy as np

from training.painter.canvas import Canvas, mix, rgb
from training.painter.noise import Array, field_noise


def paint_water(canvas: Canvas, shore: float, mask: Array, *, colour: Array | None = None, waves: float = 1.0) -> None:
    """Fill `mask` (size, size) with water whose far edge lies at height `shore`.

    The part of the picture above the shore is mirrored; `waves` scales how much the motion disturbs it.
    """
    size, energy = canvas.size, canvas.energy
    own = rgb(0.16, 0.40, 0.52) if colour is None else colour
    depth = np.clip((canvas.y - shore) / max(1.0 - shore, 0.05), 0.0, 1.0)
    rows = np.clip((2.0 * shore - canvas.y) * size, 0, size - 1)
    ripple = field_noise(canvas.rng("ripples"), size, 5, 0.62, 14, 3) - 0.5
    swell = field_noise(canvas.rng("swell"), size, 4, 0.55, 8, 3) - 0.5
    chop = (0.03 + 0.40 * energy * waves) * (0.25 + depth)
    source_y = np.clip(rows + ripple * chop * size * 0.8, 0, size - 1).astype(np.intp)
    source_x = np.clip(canvas.x * size + ripple * chop * size * 1.2, 0, size - 1).astype(np.intp)
    mirror = canvas.pixels[source_y, source_x]
    tint = canvas.lit(own, 0.85)
    share = np.clip(0.30 + 0.50 * depth - 0.25 * (1.0 - energy), 0.05, 0.85)
    image = mix(mirror * 0.92, tint, share[..., None])
    crest = np.clip((swell + 0.6 * ripple) * (2.0 + 5.0 * energy * waves), -1.0, 1.0) * (0.10 + 0.26 * energy * waves)
    image = image * (1.0 + crest * (0.35 + 0.65 * depth))[..., None]
    if energy * waves > 0.6:
        foam = np.clip((swell + ripple - 0.16) * 9.0, 0.0, 1.0) * depth * (energy * waves - 0.45) * 1.5
        image = mix(image, np.clip(canvas.key * 1.0, 0, 1) * 0.95, np.clip(foam, 0.0, 0.9)[..., None])
    if canvas.wish.weather in ("clear", "cloudy") and (
        canvas.wish.time != "twilight" or canvas.wish.light == "moonlight"
    ):
        spread = 0.035 + 0.13 * depth
        path = np.exp(-(((canvas.x - canvas.sun[0]) / spread) ** 2)) * np.clip(0.35 + 4.0 * ripple, 0.0, 1.0)
        strength = 0.28 if canvas.wish.time == "day" else 0.75
        image = image + (path * strength)[..., None] * canvas.sun_colour
    canvas.blend(mask, image)
