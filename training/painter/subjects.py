"""The one thing a picture is about, where there is one."""

from __future__ import annotations

import numpy as np

from training.painter.buildings import WINDOW_GLOW, bridge, castle, house, lighthouse, windmill
from training.painter.canvas import Canvas, Pen, rgb
from training.painter.growth import bare_branch, round_tree
from training.painter.noise import Array
from training.painter.scenes import Place


def paint_subject(canvas: Canvas, place: Place) -> None:
    """Draw the wished subject, if any, where the scene leaves room for it."""
    name = canvas.wish.subject
    if name is None:
        return
    rng = canvas.rng("subject")
    x = _across(canvas, rng)
    size = canvas.scale * float(rng.uniform(0.9, 1.15))
    with canvas.pen() as pen:
        if name == "birds":
            _birds(canvas, pen, rng, size)
        elif name == "balloon":
            _balloon(canvas, pen, x, max(0.15, canvas.horizon - float(rng.uniform(0.20, 0.30))), 0.095 * size, rng)
        elif name == "boat":
            _boat(canvas, pen, x, place.foot, 0.13 * size, place.depth)
        elif name == "bridge":
            bridge(canvas, pen, 0.5, canvas.horizon + 0.12, 0.85, 0.9)
        else:
            _standing(canvas, pen, rng, name, x, _foot(canvas, pen, place, x, name, size), size, place.depth)


def _across(canvas: Canvas, rng: np.random.Generator) -> float:
    if canvas.wish.composition == "centered":
        return 0.5
    if canvas.wish.composition == "thirds":
        return 0.33 if canvas.sun[0] > 0.5 else 0.67
    return float(rng.uniform(0.28, 0.72))


def _foot(canvas: Canvas, pen: Pen, place: Place, x: float, name: str, size: float) -> float:
    """Ground under the subject; over open water an islet is laid first, cliffs offer their edge."""
    if canvas.wish.scene == "cliffs":
        return place.foot + 0.03
    if not place.water:
        return place.foot
    rock = canvas.lit(rgb(0.36, 0.33, 0.32), place.depth)
    width = 0.10 if name in ("figure", "tree") else 0.16
    pen.oval(x, place.foot + 0.015, width * size, 0.028 * size, rock)
    pen.oval(x - 0.3 * width, place.foot + 0.008, width * size * 0.6, 0.028 * size, rock * 1.15)
    return place.foot


def _standing(
    canvas: Canvas, pen: Pen, rng: np.random.Generator, name: str, x: float, y: float, size: float, depth: float
) -> None:
    side = 1.0 if canvas.sun[0] > 0.5 else -1.0
    if name == "house":
        house(canvas, pen, x, y, 0.17 * size, depth, rng)
    elif name == "lighthouse":
        lighthouse(canvas, pen, x, y, 0.30 * size, depth)
    elif name == "castle":
        castle(canvas, pen, x, y, 0.20 * size, depth)
    elif name == "windmill":
        windmill(canvas, pen, x, y, 0.30 * size, depth, float(rng.uniform(0.2, 1.3)))
    elif name == "figure":
        _figure(canvas, pen, x, y, 0.15 * size)
    elif canvas.wish.scene in ("snowfield", "desert", "canyon"):
        turns = [float(rng.uniform(0.35, 0.6)) for _ in range(5)]
        bare_branch(
            pen, (x, y), np.pi / 2 + 0.1 * side, 0.085 * size, 0.018 * size, canvas.lit(rgb(0.24, 0.17, 0.13)), turns
        )
    else:
        colour = rgb(0.24, 0.44, 0.16) if rng.random() < 0.7 else rgb(0.78, 0.42, 0.18)
        round_tree(pen, x, y, 0.27 * size, canvas.lit(colour), canvas.lit(colour, shade=1.45), side)


def _birds(canvas: Canvas, pen: Pen, rng: np.random.Generator, size: float) -> None:
    cx, cy = float(rng.uniform(0.3, 0.7)), canvas.horizon * float(rng.uniform(0.30, 0.55))
    dark = 0.75 if canvas.wish.time == "night" else 0.10
    colour = rgb(dark, dark, dark * 1.05)
    for _ in range(9):
        x, y = cx + float(rng.normal(0, 0.15)), cy + float(rng.normal(0, 0.06))
        w = 0.028 * size * float(rng.uniform(0.8, 1.3))
        lift = w * float(rng.uniform(0.35, 0.8))
        pen.line([(x - w, y - lift), (x, y), (x + w, y - lift)], colour, 0.011 * size)


def _balloon(canvas: Canvas, pen: Pen, x: float, y: float, r: float, rng: np.random.Generator) -> None:
    first = canvas.lit([rgb(0.90, 0.20, 0.18), rgb(0.95, 0.60, 0.12), rgb(0.20, 0.45, 0.85)][int(rng.integers(3))], 0.9)
    second = canvas.lit(rgb(1.0, 0.90, 0.55), 0.9)
    pen.polygon(
        [
            (x - r * 0.93, y + r * 0.35),
            (x + r * 0.93, y + r * 0.35),
            (x + r * 0.2, y + r * 1.5),
            (x - r * 0.2, y + r * 1.5),
        ],
        first,
    )
    pen.oval(x, y, r, r, first)
    pen.oval(x, y, r * 0.62, r, second)
    pen.polygon(
        [
            (x - r * 0.58, y + r * 0.35),
            (x + r * 0.58, y + r * 0.35),
            (x + r * 0.14, y + r * 1.5),
            (x - r * 0.14, y + r * 1.5),
        ],
        second,
    )
    pen.oval(x, y, r * 0.24, r, first)
    pen.box(x - r * 0.22, y + r * 1.65, x + r * 0.22, y + r * 2.0, canvas.lit(rgb(0.45, 0.28, 0.15), 0.9))


def _boat(canvas: Canvas, pen: Pen, x: float, y: float, size: float, depth: float) -> None:
    hull, sail = canvas.lit(rgb(0.50, 0.24, 0.14), depth), canvas.lit(rgb(0.99, 0.96, 0.90), depth, shade=1.1)
    lean = 0.10 * canvas.energy * size
    dim = sail * 0.6 + canvas.haze * 0.15
    pen.polygon([(x - size * 0.12, y + size * 0.14), (x + size * 0.22, y + size * 0.14), (x, y + size * 0.75)], dim)
    pen.polygon(
        [(x + lean, y - size * 1.15), (x + lean * 0.2, y - size * 0.08), (x + size * 0.48, y - size * 0.08)], sail
    )
    pen.polygon(
        [
            (x - size * 0.05 + lean, y - size * 0.95),
            (x - size * 0.05, y - size * 0.08),
            (x - size * 0.36, y - size * 0.08),
        ],
        sail * 0.88,
    )
    pen.polygon(
        [
            (x - size * 0.52, y - size * 0.05),
            (x + size * 0.58, y - size * 0.05),
            (x + size * 0.36, y + size * 0.16),
            (x - size * 0.36, y + size * 0.16),
        ],
        hull,
    )
    if canvas.wish.time == "night":
        pen.oval(x, y - size * 0.02, size * 0.06, size * 0.06, WINDOW_GLOW)


def _figure(canvas: Canvas, pen: Pen, x: float, y: float, height: float) -> None:
    coat = canvas.lit(rgb(0.16, 0.14, 0.20) if canvas.seed % 2 else rgb(0.62, 0.14, 0.14))
    skin: Array = canvas.lit(rgb(0.35, 0.25, 0.22))
    w = height * 0.17
    pen.polygon(
        [
            (x - w, y - height * 0.22),
            (x + w, y - height * 0.22),
            (x + w * 0.6, y - height * 0.82),
            (x - w * 0.6, y - height * 0.82),
        ],
        coat,
    )
    for dx in (-0.45, 0.45):
        pen.line([(x + dx * w, y - height * 0.25), (x + dx * w * 1.1, y)], coat * 0.6, height * 0.09)
    pen.oval(x, y - height * 0.90, height * 0.095, height * 0.105, skin)
