"""From attributes to a lit, empty canvas: horizon, sun, colours of sky, light and distance."""

from __future__ import annotations

from luce.server.vocabulary import Attributes
from training.painter.canvas import Canvas, mix, rgb
from training.painter.noise import Array

ENERGY = {
    "resting": 0.0,
    "drifting": 0.2,
    "rippling": 0.35,
    "flowing": 0.5,
    "swirling": 0.65,
    "surging": 0.85,
    "raging": 1.0,
}
"""Motion in [0, 1] for each verb of the vocabulary."""

_HORIZON = {
    "wide": 0.54,
    "low_horizon": 0.74,
    "high_horizon": 0.32,
    "centered": 0.52,
    "thirds": 0.64,
    "close": 0.56,
    "framed": 0.56,
}

# time: colour of the sky above, colour at the horizon, light on things, colour of the sun or moon
_TIMES: dict[str, tuple[Array, Array, Array, Array]] = {
    "dawn": (rgb(0.42, 0.55, 0.82), rgb(1.0, 0.80, 0.70), rgb(0.92, 0.84, 0.84), rgb(1.0, 0.90, 0.70)),
    "day": (rgb(0.20, 0.47, 0.86), rgb(0.76, 0.89, 0.98), rgb(1.05, 1.03, 0.98), rgb(1.0, 0.98, 0.86)),
    "sunset": (rgb(0.34, 0.26, 0.50), rgb(1.0, 0.56, 0.26), rgb(0.86, 0.64, 0.54), rgb(1.0, 0.72, 0.36)),
    "twilight": (rgb(0.12, 0.15, 0.38), rgb(0.66, 0.44, 0.58), rgb(0.46, 0.44, 0.60), rgb(0.95, 0.90, 0.90)),
    "night": (rgb(0.02, 0.04, 0.14), rgb(0.13, 0.19, 0.36), rgb(0.28, 0.34, 0.52), rgb(0.95, 0.96, 0.90)),
}

# weather: veil over the sky as (colour by day, share), factor on the light
_VEILS: dict[str, tuple[Array, float, float]] = {
    "clear": (rgb(1.0, 1.0, 1.0), 0.0, 1.0),
    "cloudy": (rgb(0.80, 0.83, 0.87), 0.22, 0.94),
    "rain": (rgb(0.56, 0.60, 0.66), 0.62, 0.78),
    "storm": (rgb(0.28, 0.30, 0.37), 0.74, 0.62),
    "snow": (rgb(0.82, 0.86, 0.91), 0.55, 0.95),
    "mist": (rgb(0.86, 0.87, 0.87), 0.55, 0.90),
}


def light_up(wish: Attributes, seed: int, size: int) -> tuple[Canvas, Array, Array]:
    """A canvas with its light set, and the colours of the sky at the top and at the horizon."""
    canvas = Canvas(wish, seed, size)
    rng = canvas.rng("plan")
    canvas.horizon = 0.87 if wish.scene == "sky" else _HORIZON[wish.composition] + float(rng.uniform(-0.03, 0.03))
    canvas.scale = 1.75 if wish.composition == "close" else 0.85 if wish.composition == "wide" else 1.0
    canvas.energy = ENERGY[wish.motion]

    top, bottom, key, sun_colour = (colour.copy() for colour in _TIMES[wish.time])
    veil, share, dim = _VEILS[wish.weather]
    veil = veil * {"dawn": 0.9, "day": 1.0, "sunset": 0.72, "twilight": 0.5, "night": 0.26}[wish.time]
    top, bottom, key = mix(top, veil, share), mix(bottom, veil, share * 0.8), key * dim

    if wish.light == "golden":
        key, bottom = key * rgb(1.22, 1.0, 0.70), mix(bottom, rgb(1.0, 0.76, 0.38), 0.6)
        top, sun_colour = mix(top, rgb(0.95, 0.72, 0.45), 0.3), rgb(1.0, 0.86, 0.45)
    elif wish.light == "bright":
        key, top = key * 1.12, top * rgb(0.9, 1.0, 1.08)
    elif wish.light == "dramatic":
        key, top, bottom = key * 0.78, top * 0.55, mix(bottom, sun_colour, 0.12)
    elif wish.light == "moonlight":
        key, top = mix(key, rgb(0.42, 0.54, 0.80), 0.6), mix(top, rgb(0.06, 0.12, 0.30), 0.5)
        sun_colour = rgb(0.94, 0.97, 1.0)
    elif wish.light == "backlight":
        canvas.silhouette = 1.0
        bottom = mix(bottom, sun_colour, 0.35)
    elif wish.light == "aurora":
        key = mix(key, rgb(0.30, 0.55, 0.48), 0.5)

    canvas.key, canvas.sun_colour = key, sun_colour
    canvas.haze = mix(bottom, top, 0.25)
    canvas.sun = _place_of_sun(canvas)
    return canvas, top, bottom


def _place_of_sun(canvas: Canvas) -> tuple[float, float]:
    rng = canvas.rng("sun")
    wish = canvas.wish
    x = float(rng.uniform(0.18, 0.82))
    if wish.composition == "centered":
        x = 0.5
    elif wish.composition == "thirds":
        x = 0.3 if x < 0.5 else 0.7
    height = {"dawn": 0.10, "day": 0.36, "sunset": 0.06, "twilight": 0.30, "night": 0.34}[wish.time]
    if wish.light == "backlight" and wish.time in ("dawn", "sunset"):
        height = 0.09
    y = canvas.horizon - height + float(rng.uniform(-0.03, 0.03))
    return x, max(0.08, y)
