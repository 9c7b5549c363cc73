"""The sky: gradient, sun or moon, stars, clouds in perspective, aurora."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from training.painter.canvas import Canvas, mix, rgb
from training.painter.noise import Array, field_noise

_COVER = {"clear": 0.66, "cloudy": 0.46, "rain": 0.36, "storm": 0.34, "snow": 0.42, "mist": 0.60}
"""Threshold of the cloud field in [0, 1]: lower means more cloud."""


def paint_sky(canvas: Canvas, top: Array, bottom: Array) -> None:
    """Fill the canvas with sky."""
    height = np.clip(canvas.y / canvas.horizon, 0.0, 1.0)
    canvas.pixels = mix(top, bottom, (height**1.4)[..., None]) * np.ones_like(canvas.x)[..., None]
    distance = np.hypot(canvas.x - canvas.sun[0], canvas.y - canvas.sun[1]).astype(np.float32)
    night = canvas.wish.time in ("night", "twilight")
    hidden = canvas.wish.weather in ("rain", "storm", "mist", "snow") or (
        canvas.wish.time == "twilight" and canvas.wish.light != "moonlight"
    )
    if canvas.wish.time == "night" and canvas.wish.weather in ("clear", "cloudy"):
        _stars(canvas)
    if not night:
        glow = np.exp(-((distance / 0.30) ** 2)) * (0.16 if hidden else 0.34)
        canvas.add(glow, canvas.sun_colour)
    if canvas.wish.light == "aurora":
        _aurora(canvas)
    if not hidden or canvas.wish.light == "moonlight":
        _disc(canvas, distance)
    _clouds(canvas, distance)


def _disc(canvas: Canvas, distance: Array) -> None:
    radius = 0.075 if canvas.wish.light == "moonlight" else {"day": 0.048, "night": 0.05}.get(canvas.wish.time, 0.062)
    night = canvas.wish.time in ("night", "twilight")
    if canvas.wish.light == "aurora":
        return
    canvas.add(np.exp(-((distance / (radius * 2.6)) ** 2)), canvas.sun_colour * (0.22 if night else 0.45))
    canvas.blend(np.clip((radius - distance) * canvas.size + 0.5, 0.0, 1.0), canvas.sun_colour)


def _stars(canvas: Canvas) -> None:
    rng = canvas.rng("stars")
    with canvas.pen() as pen:
        for _ in range(70):
            x, y, glow = rng.random(), rng.random() * canvas.horizon, rng.uniform(0.45, 1.0)
            radius = 0.0035 + 0.003 * glow
            pen.oval(x, y, radius, radius, rgb(glow, glow, glow * 0.95))


def _aurora(canvas: Canvas) -> None:
    rng = canvas.rng("aurora")
    for hue in (rgb(0.15, 0.95, 0.55), rgb(0.35, 0.45, 0.95), rgb(0.20, 0.85, 0.65)):
        phase, wave = rng.uniform(0, 6.28), rng.uniform(1.0, 2.2)
        foot = 0.55 + 0.22 * np.sin(canvas.x * 6.28 * wave + phase) + rng.uniform(-0.12, 0.06)
        foot = foot * canvas.horizon * 0.85
        up = foot - canvas.y
        curtain = np.where(up > 0, np.exp(-up / 0.16), np.exp(up / 0.02))
        rays = 0.65 + 0.35 * np.sin(canvas.x * 60.0 * wave + 4.0 * phase + 9.0 * canvas.y)
        canvas.add((0.62 * curtain * rays).astype(np.float32), hue)


def _clouds(canvas: Canvas, distance: Array) -> None:
    wish = canvas.wish
    rng = canvas.rng("clouds")
    stretch = 0.8 + 1.2 * float(rng.random())
    texture = field_noise(rng, 192, 5, 0.48 + 0.10 * canvas.energy, 5, 5)
    depth = np.clip(canvas.horizon - canvas.y, 0.0, 1.0) + 0.34
    u = (canvas.x - 0.5) / depth * 0.46 / stretch * np.ones_like(canvas.y) + float(rng.random())
    v = 0.50 / depth * np.ones_like(canvas.x) + float(rng.random())
    if wish.motion == "swirling":
        u, v = _swirl(canvas, u, v, rng)
    elif wish.motion in ("surging", "raging"):
        u = u + 0.35 * v * (1.0 if canvas.sun[0] > 0.5 else -1.0)
    wide = 192.0

    def sample(du: float, dv: float) -> Array:
        places = np.stack([(v + dv) * wide, (u + du) * wide])
        return np.asarray(map_coordinates(texture, places, order=1, mode="mirror"), dtype=np.float32)

    here = sample(0.0, 0.0)
    toward = 0.05 if canvas.sun[0] > 0.5 else -0.05
    relief = here - sample(toward, -0.03)
    thickness = np.clip((here - _COVER[wish.weather]) * (3.0 + 3.0 * canvas.energy), 0.0, 1.0)
    fade = np.clip((canvas.horizon - canvas.y) / 0.06, 0.0, 1.0)
    white = mix(np.ones(3, dtype=np.float32), canvas.sun_colour, 0.45) * np.clip(canvas.key * 1.06, 0.0, 1.2)
    grey = {"rain": 0.62, "storm": 0.40, "snow": 0.92, "mist": 0.95}.get(wish.weather, 1.0)
    if wish.light == "dramatic":
        grey *= 0.72
    white = mix(white * grey, canvas.haze, 0.22)
    near_sun = np.exp(-((distance / 0.35) ** 2)) * (0.35 if wish.time not in ("night",) else 0.18)
    shade = np.clip(0.90 + 2.0 * relief, 0.58, 1.2)
    colour = white * shade[..., None] + canvas.sun_colour * (near_sun * np.clip(relief * 3 + 0.4, 0, 1))[..., None]
    canvas.blend(thickness * fade * 0.93, colour)


def _swirl(canvas: Canvas, u: Array, v: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Turn the cloud field about two or three eyes: spirals in the sky."""
    u, v = canvas.x * 0.45 * np.ones_like(canvas.y) + float(rng.random()), canvas.y * 0.45 * np.ones_like(canvas.x)
    for _ in range(3):
        cx, cy = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.8) * canvas.horizon
        dx, dy = canvas.x - cx, canvas.y - cy
        reach = rng.uniform(0.14, 0.24)
        angle = 4.5 * np.exp(-(dx**2 + dy**2) / reach**2)
        turned_x, turned_y = dx * np.cos(angle) - dy * np.sin(angle), dx * np.sin(angle) + dy * np.cos(angle)
        u, v = u + 0.45 * (turned_x - dx), v + 0.45 * (turned_y - dy)
    return np.asarray(u, dtype=np.float32), np.asarray(v, dtype=np.float32)
