"""Things that are built: city blocks, houses, lighthouse, castle, windmill, bridge."""

from __future__ import annotations

import numpy as np

from training.painter.canvas import Canvas, Pen, mix, rgb
from training.painter.noise import Array

WINDOW_GLOW = rgb(1.0, 0.82, 0.42)
_LIT_SHARE = {"dawn": 0.12, "day": 0.0, "sunset": 0.30, "twilight": 0.50, "night": 0.55}


def window_colour(canvas: Canvas, wall: Array, rng: np.random.Generator) -> Array:
    """A lit or a dark window, by the hour."""
    if rng.random() < _LIT_SHARE[canvas.wish.time]:
        return WINDOW_GLOW
    return wall * 0.72


def skyline(canvas: Canvas, foot: float) -> None:
    """Three rows of towers, the nearest last."""
    side = 1.0 if canvas.sun[0] > 0.5 else -1.0
    for row, depth in enumerate((0.15, 0.5, 1.0)):
        rng = canvas.rng(f"skyline {row}")
        ground = foot + 0.13 * row
        x = -0.05
        with canvas.pen() as pen:
            while x < 1.02:
                width = float(rng.uniform(0.07, 0.15)) * (0.75 + 0.25 * canvas.scale)
                height = float(rng.uniform(0.16, 0.50)) * (1.05 - 0.28 * row) * (0.7 + 0.3 * canvas.scale)
                tone = rgb(0.46, 0.47, 0.55) * float(rng.uniform(0.75, 1.15)) + rgb(0.05, 0.02, 0.0) * float(
                    rng.random()
                )
                wall = canvas.lit(tone, depth)
                _tower(canvas, pen, rng, x, ground, width, height, wall, side, depth)
                x += width + float(rng.uniform(0.0, 0.035))


def _tower(
    canvas: Canvas,
    pen: Pen,
    rng: np.random.Generator,
    x: float,
    ground: float,
    width: float,
    height: float,
    wall: Array,
    side: float,
    depth: float,
) -> None:
    top = ground - height
    pen.box(x, top, x + width, 1.05, wall)
    edge = x + width * 0.72 if side > 0 else x
    pen.box(edge, top, edge + width * 0.28, 1.05, wall * 1.18)
    roof = rng.random()
    if roof < 0.25:
        pen.line([(x + width / 2, top), (x + width / 2, top - 0.06)], wall, 0.006)
    elif roof < 0.45:
        pen.polygon([(x, top), (x + width, top), (x + width / 2, top - 0.05)], wall)
    if depth < 0.3:
        return
    step = 0.030
    for wy in np.arange(top + 0.02, min(ground + 0.25, 0.98), step * 1.15):
        for wx in np.arange(x + 0.010, x + width - 0.018, step * 0.82):
            pen.box(float(wx), float(wy), float(wx) + 0.011, float(wy) + 0.015, window_colour(canvas, wall, rng))


def house(canvas: Canvas, pen: Pen, x: float, y: float, size: float, depth: float, rng: np.random.Generator) -> None:
    """A gabled house standing at (x, y), `size` wide."""
    walls = [rgb(0.92, 0.88, 0.80), rgb(0.85, 0.70, 0.55), rgb(0.80, 0.60, 0.50), rgb(0.75, 0.80, 0.86)]
    roofs = [rgb(0.72, 0.26, 0.18), rgb(0.50, 0.28, 0.20), rgb(0.34, 0.36, 0.44)]
    wall = canvas.lit(walls[int(rng.integers(4))], depth)
    roof = canvas.lit(roofs[int(rng.integers(3))], depth)
    w, h = size / 2, size * 0.62
    pen.box(x - w, y - h, x + w, y, wall)
    shaded = -1.0 if canvas.sun[0] > 0.5 else 1.0
    pen.box(min(x, x + shaded * w), y - h, max(x, x + shaded * w), y, wall * 0.84)
    pen.polygon([(x - w * 1.2, y - h), (x + w * 1.2, y - h), (x, y - h - size * 0.48)], roof)
    glow = WINDOW_GLOW if canvas.wish.time in ("twilight", "night", "sunset") else wall * 0.55
    for dx in (-0.26, 0.20):
        pen.box(x + dx * size - size * 0.07, y - h * 0.75, x + dx * size + size * 0.09, y - h * 0.38, glow)


def lighthouse(canvas: Canvas, pen: Pen, x: float, y: float, height: float, depth: float) -> None:
    """A banded lighthouse standing at (x, y)."""
    white, red = canvas.lit(rgb(0.98, 0.96, 0.92), depth), canvas.lit(rgb(0.85, 0.18, 0.15), depth)
    for band in range(5):
        low, high = y - height * 0.17 * band, y - height * 0.17 * (band + 1)
        a, b = height * (0.13 - 0.012 * band), height * (0.13 - 0.012 * (band + 1))
        pen.polygon([(x - a, low), (x + a, low), (x + b, high), (x - b, high)], red if band % 2 else white)
    top = y - height * 0.85
    lamp = (
        rgb(1.0, 0.92, 0.55)
        if canvas.wish.time in ("twilight", "night", "sunset")
        else canvas.lit(rgb(0.6, 0.7, 0.8), depth)
    )
    pen.box(x - height * 0.06, top - height * 0.10, x + height * 0.06, top, lamp)
    pen.polygon(
        [(x - height * 0.09, top - 0.10 * height), (x + height * 0.09, top - 0.10 * height), (x, top - 0.19 * height)],
        red,
    )


def castle(canvas: Canvas, pen: Pen, x: float, y: float, size: float, depth: float) -> None:
    """A castle with three towers standing at (x, y)."""
    stone = canvas.lit(rgb(0.60, 0.56, 0.54), depth)
    roof = canvas.lit(rgb(0.32, 0.30, 0.46), depth)
    pen.box(x - size * 0.5, y - size * 0.45, x + size * 0.5, y + size * 0.2, stone)
    for dx, tall in ((-0.5, 0.8), (0.45, 0.9), (0.0, 1.15)):
        w = size * 0.13
        cx = x + dx * size
        pen.box(cx - w, y - size * tall, cx + w, y + size * 0.2, stone * 0.92)
        pen.box(cx, y - size * tall, cx + w, y + size * 0.2, stone * (1.08 if canvas.sun[0] > 0.5 else 0.84))
        pen.polygon(
            [(cx - w * 1.3, y - size * tall), (cx + w * 1.3, y - size * tall), (cx, y - size * (tall + 0.42))], roof
        )
        glow = WINDOW_GLOW if canvas.wish.time in ("twilight", "night") else stone * 0.5
        pen.box(cx - w * 0.3, y - size * tall * 0.8, cx + w * 0.3, y - size * tall * 0.8 + size * 0.14, glow)


def windmill(canvas: Canvas, pen: Pen, x: float, y: float, height: float, depth: float, angle: float) -> None:
    """A windmill standing at (x, y)."""
    wall = canvas.lit(rgb(0.88, 0.84, 0.78), depth)
    cap = canvas.lit(rgb(0.45, 0.28, 0.22), depth)
    a, b, top = height * 0.20, height * 0.12, y - height * 0.62
    pen.polygon([(x - a, y), (x + a, y), (x + b, top), (x - b, top)], wall)
    pen.polygon([(x, y), (x + a, y), (x + b, top), (x, top)], wall * 0.82)
    pen.polygon([(x - b * 1.15, top), (x + b * 1.15, top), (x, top - height * 0.16)], cap)
    sail = canvas.lit(rgb(0.97, 0.94, 0.86), depth)
    for quarter in range(4):
        t = angle + quarter * np.pi / 2
        dx, dy = np.cos(t) * height * 0.46, np.sin(t) * height * 0.46
        nx, ny = -np.sin(t) * height * 0.07, np.cos(t) * height * 0.07
        hub = (x, top + height * 0.02)
        pen.polygon(
            [
                (hub[0] + dx * 0.15, hub[1] + dy * 0.15),
                (hub[0] + dx, hub[1] + dy),
                (hub[0] + dx + nx, hub[1] + dy + ny),
                (hub[0] + dx * 0.15 + nx, hub[1] + dy * 0.15 + ny),
            ],
            sail,
        )
        pen.line([hub, (hub[0] + dx, hub[1] + dy)], cap, height * 0.025)


def bridge(canvas: Canvas, pen: Pen, x: float, y: float, width: float, depth: float) -> None:
    """A stone bridge of three arches, its deck at height `y`, centred on x."""
    stone = canvas.lit(rgb(0.66, 0.60, 0.54), depth)
    height = width * 0.16
    pen.box(x - width / 2, y, x + width / 2, y + height, stone)
    pen.box(x - width / 2, y, x + width / 2, y + height * 0.25, mix(stone, 1.0, 0.2))
    dark = stone * 0.42
    for arch in (-1, 0, 1):
        pen.oval(x + arch * width * 0.31, y + height, width * 0.11, height * 0.62, dark)
