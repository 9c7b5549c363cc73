"""Things that grow: conifers, round trees, palms, flowers, bare trees, grass."""

from __future__ import annotations

import numpy as np

from training.painter.canvas import Canvas, Pen, Point, rgb
from training.painter.noise import Array


def conifer(pen: Pen, x: float, y: float, height: float, colour: Array, light: Array, side: float) -> None:
    """A fir standing at (x, y); `side` -1 or +1 is where the light comes from."""
    width = height * 0.30
    for tier in range(3):
        tip = y - height * (1.0 - 0.24 * tier)
        base = y - height * (0.52 - 0.22 * tier)
        half = width * (0.52 + 0.24 * tier)
        pen.polygon([(x, tip), (x - half, base), (x + half, base)], colour)
        pen.polygon([(x, tip), (x + side * half, base), (x + side * half * 0.25, base)], light)


def round_tree(pen: Pen, x: float, y: float, height: float, colour: Array, light: Array, side: float) -> None:
    """A broad-leaved tree standing at (x, y)."""
    pen.line([(x, y), (x, y - height * 0.55)], colour * 0.55, height * 0.09)
    r = height * 0.26
    for dx, dy, k in ((-0.22, 0.52, 0.9), (0.22, 0.55, 0.9), (0.0, 0.72, 1.05)):
        pen.oval(x + dx * height, y - dy * height, r * k, r * k * 0.9, colour)
    for dx, dy, k in ((0.14, 0.62, 0.55), (0.02, 0.80, 0.6)):
        pen.oval(x + (dx * side) * height, y - dy * height, r * k, r * k * 0.8, light)


def palm(pen: Pen, x: float, y: float, height: float, colour: Array, lean: float) -> None:
    """A palm standing at (x, y)."""
    tip = (x + lean * height * 0.35, y - height)
    pen.line([(x, y), (x + lean * height * 0.1, y - height * 0.5), tip], colour * 0.7, height * 0.07)
    for angle in (-2.9, -2.3, -0.8, -0.2, 0.3, 2.8):
        end = (tip[0] + np.cos(angle) * height * 0.42, tip[1] + np.sin(angle) * height * 0.30 + height * 0.06)
        middle = (tip[0] + np.cos(angle) * height * 0.24, tip[1] + np.sin(angle) * height * 0.26 - height * 0.03)
        pen.line([tip, middle, end], colour, height * 0.06)


def grove(canvas: Canvas, ridge: Array, count: int, height: float, depth: float, colour: Array, kind: str) -> None:
    """Trees scattered along a ridge, nearer ones last."""
    rng = canvas.rng(f"grove {kind} {depth:.2f}")
    side = 1.0 if canvas.sun[0] > 0.5 else -1.0
    spots = sorted((float(rng.uniform(-0.02, 1.02)), float(rng.random())) for _ in range(count))
    with canvas.pen() as pen:
        for x, drop in sorted(spots, key=lambda spot: spot[1]):
            ground = float(ridge[min(canvas.size - 1, max(0, int(x * canvas.size)))])
            size = height * canvas.scale * float(rng.uniform(0.7, 1.3))
            shade = float(rng.uniform(0.75, 1.15))
            y = ground + 0.02 + 0.09 * drop * depth
            own, light = canvas.lit(colour, depth, shade=shade), canvas.lit(colour, depth, shade=shade * 1.45)
            (conifer if kind == "conifer" else round_tree)(pen, x, y, size, own, light, side)


def flowers(canvas: Canvas, top: float) -> None:
    """A bed of flowers below height `top`, larger and sparser toward the eye."""
    rng = canvas.rng("flowers")
    hues = [
        rgb(0.95, 0.25, 0.32),
        rgb(1.0, 0.80, 0.22),
        rgb(0.80, 0.42, 0.85),
        rgb(1.0, 0.96, 0.94),
        rgb(1.0, 0.52, 0.66),
    ]
    chosen = [hues[i] for i in rng.choice(len(hues), size=2 + int(rng.integers(2)), replace=False)]
    rows = np.sort(rng.random(260)) ** 0.8
    with canvas.pen() as pen:
        for near in rows:
            y = top + 0.01 + (1.02 - top) * float(near)
            x = float(rng.uniform(-0.02, 1.02))
            radius = (0.005 + 0.019 * float(near)) * (0.8 + 0.2 * canvas.scale) * float(rng.uniform(0.8, 1.2))
            colour = chosen[int(rng.integers(len(chosen)))]
            stem = canvas.lit(rgb(0.16, 0.40, 0.14), 0.6 + 0.4 * near)
            pen.line([(x, y), (x, y + radius * 2.2)], stem, radius * 0.4)
            pen.oval(x, y, radius, radius * 0.8, canvas.lit(colour, 0.5 + 0.5 * near, shade=1.1))
            if near > 0.4:
                pen.oval(x, y, radius * 0.35, radius * 0.3, canvas.lit(rgb(0.98, 0.85, 0.3), 1.0))


def bare_branch(
    pen: Pen, start: Point, angle: float, length: float, width: float, colour: Array, turns: list[float]
) -> None:
    """A branching limb; `turns` gives the two angles of each fork and its length decides the depth."""
    end = (start[0] + np.cos(angle) * length, start[1] - np.sin(angle) * length)
    pen.line([start, end], colour, width)
    if turns:
        bare_branch(pen, end, angle + turns[0], length * 0.72, width * 0.7, colour, turns[1:])
        bare_branch(pen, end, angle - turns[0] * 0.9, length * 0.68, width * 0.7, colour, turns[1:])
