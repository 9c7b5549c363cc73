"""One function a scene: land, water and what stands on them, from far to near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.painter.buildings import house, skyline
from training.painter.canvas import Canvas, mix, rgb
from training.painter.growth import conifer, flowers, grove, palm
from training.painter.noise import Array, field_noise, line_noise
from training.painter.water import paint_water

GRASS, ROCK, SAND, SNOW = rgb(0.36, 0.55, 0.24), rgb(0.44, 0.43, 0.48), rgb(0.90, 0.70, 0.45), rgb(0.93, 0.95, 1.0)


@dataclass(frozen=True)
class Place:
    """Where a subject stands: the height of its foot, its depth and whether it floats on water."""

    foot: float
    depth: float = 0.9
    water: bool = False


def _ridge(canvas: Canvas, name: str, height: float, amplitude: float, rough: float = 0.45, base: int = 3) -> Array:
    sharp = rough + 0.08 * canvas.energy
    return height + amplitude * 0.5 * line_noise(canvas.rng(name), canvas.size, 7, sharp, base)


def _peaks(canvas: Canvas, *, snow: bool = True, rows: int = 3) -> None:
    h, tall = canvas.horizon, 0.13 + 0.07 * canvas.scale
    for row in range(rows):
        depth = 0.1 + 0.45 * row / max(rows - 1, 1)
        line = _ridge(canvas, f"peaks {row}", h - tall * (0.95 - 0.42 * row) + 0.04, tall * (0.95 - 0.2 * row), 0.52)
        line = np.minimum(line, h + 0.03)
        canvas.land(line, ROCK * (0.92 - 0.12 * row) + rgb(-0.02, 0.01, 0.06) * (rows - row), depth, relief=0.6)
        if snow and row < 2:
            cap = line + 0.05 * tall / 0.2 + 0.03 * line_noise(canvas.rng(f"snow {row}"), canvas.size, 6, 0.75, 8)
            high = np.clip((h - 0.03 - line) * 22.0, 0.0, 1.0)[None, :]
            canvas.blend(canvas.below(line) * (1.0 - canvas.below(cap)) * high * 0.92, canvas.lit(SNOW, depth + 0.25))


def mountain(canvas: Canvas) -> Place:
    """Ranges with snow, a wooded foreground."""
    _peaks(canvas)
    h = canvas.horizon
    line = _ridge(canvas, "foothills", h + 0.13, 0.05)
    canvas.land(line, rgb(0.26, 0.40, 0.26), 0.75)
    grove(canvas, line, 16, 0.08, 0.8, rgb(0.13, 0.28, 0.19), "conifer")
    canvas.land(_ridge(canvas, "near", h + 0.30, 0.06), rgb(0.30, 0.44, 0.22), 1.0)
    return Place(min(0.92, h + 0.33))


def sea(canvas: Canvas) -> Place:
    """Open water, sometimes a beach."""
    h = canvas.horizon
    rng = canvas.rng("sea")
    paint_water(canvas, h, canvas.below(h))
    if rng.random() < 0.45:
        edge = 1.0 if rng.random() < 0.5 else 0.0
        line = (
            h + 0.20 + 0.30 * np.abs(canvas.x[0] - edge) ** 1.3 + 0.012 * line_noise(canvas.rng("beach"), canvas.size)
        )
        foam = canvas.below(line - 0.02) * (1.0 - canvas.below(line))
        canvas.blend(foam * 0.75, canvas.lit(SNOW))
        canvas.land(line.astype(np.float32), SAND, 1.0, relief=0.12)
    return Place(h + 0.13 + 0.05 * canvas.scale, 0.8, water=True)


def forest(canvas: Canvas) -> Place:
    """Rows of firs in haze."""
    h = canvas.horizon
    canvas.land(_ridge(canvas, "far wood", h - 0.03, 0.06), rgb(0.34, 0.48, 0.42), 0.2)
    for row, (depth, count, tall) in enumerate(((0.35, 30, 0.13), (0.6, 22, 0.19), (1.0, 11, 0.30))):
        line = _ridge(canvas, f"wood {row}", h + 0.04 + 0.12 * row, 0.04)
        canvas.land(line, rgb(0.22, 0.38, 0.20), depth)
        kind = "conifer" if canvas.rng("kind").random() < 0.65 else "round"
        grove(canvas, line, count, tall, depth, rgb(0.12, 0.33, 0.17), kind)
    return Place(min(0.94, h + 0.36), 1.0)


def city(canvas: Canvas) -> Place:
    """Towers with lit windows."""
    skyline(canvas, canvas.horizon + 0.10)
    return Place(min(0.95, canvas.horizon + 0.36))


def desert(canvas: Canvas) -> Place:
    """Dunes with a lit and a shaded side."""
    h = canvas.horizon
    for row, depth in enumerate((0.2, 0.5, 0.75, 1.0)):
        line = _ridge(canvas, f"dune {row}", h + 0.01 + 0.10 * row, 0.05 + 0.035 * row, 0.30, 2)
        canvas.land(line, SAND * (1.02 - 0.05 * row), depth, relief=0.08, grain=10)
        slip = line + 0.05 + 0.05 * np.abs(line_noise(canvas.rng(f"slip {row}"), canvas.size, 3, 0.3, 2))
        steep = np.clip(np.gradient(line) * canvas.size * (1.0 if canvas.sun[0] < 0.5 else -1.0) * 3.0, 0.0, 1.0)
        shadow = canvas.below(line) * (1.0 - canvas.below(slip)) * steep[None, :]
        canvas.blend(shadow * 0.55, canvas.lit(rgb(0.50, 0.34, 0.26), depth))
    return Place(min(0.92, h + 0.30))


def field(canvas: Canvas) -> Place:
    """Hills in bands of green and gold with hedges."""
    h = canvas.horizon
    rng = canvas.rng("crops")
    tones = [rgb(0.42, 0.62, 0.26), rgb(0.80, 0.72, 0.32), rgb(0.34, 0.54, 0.24), rgb(0.56, 0.66, 0.30)]
    first = int(rng.integers(4))
    for row, depth in enumerate((0.2, 0.45, 0.7, 1.0)):
        line = _ridge(canvas, f"hill {row}", h + 0.11 * row, 0.05, 0.25, 2)
        canvas.land(line, tones[(first + row) % 4], depth, relief=0.12)
        if row in (1, 2):
            grove(canvas, line, 6, 0.055 + 0.02 * row, depth, rgb(0.20, 0.38, 0.16), "round")
    return Place(min(0.92, h + 0.32))


def lake(canvas: Canvas) -> Place:
    """Mountains mirrored in still water."""
    h = canvas.horizon
    _peaks(canvas, rows=2)
    line = _ridge(canvas, "shore", h - 0.015, 0.03)
    canvas.land(np.minimum(line, h), rgb(0.22, 0.36, 0.24), 0.55)
    grove(canvas, line, 18, 0.06, 0.55, rgb(0.12, 0.27, 0.18), "conifer")
    paint_water(canvas, h + 0.05, canvas.below(h + 0.05), colour=rgb(0.14, 0.34, 0.46), waves=0.4)
    near = h + 0.40 + 0.25 * np.abs(canvas.x[0] - 0.5) * -1.0 + 0.02 * line_noise(canvas.rng("bank"), canvas.size)
    canvas.land(near.astype(np.float32), GRASS * 0.8, 1.0)
    return Place(h + 0.20, 0.85, water=True)


def river(canvas: Canvas) -> Place:
    """A winding river between meadows."""
    h = canvas.horizon
    canvas.land(_ridge(canvas, "far hills", h - 0.05, 0.08), rgb(0.36, 0.48, 0.46), 0.2)
    canvas.land(_ridge(canvas, "meadow", h + 0.01, 0.02), GRASS, 0.75, relief=0.15)
    depth = np.clip((canvas.y - h) / (1.0 - h), 0.0, 1.0)
    phase = float(canvas.rng("bend").uniform(0, 6.28))
    middle = 0.5 + 0.24 * np.sin(phase + 7.0 * np.sqrt(depth)) * (1.0 - 0.45 * depth)
    width = 0.015 + 0.24 * depth**1.4
    mask = np.clip((width - np.abs(canvas.x - middle)) * canvas.size * 0.5, 0.0, 1.0) * (depth > 0.02)
    bank = np.clip((width + 0.02 - np.abs(canvas.x - middle)) * canvas.size * 0.5, 0.0, 1.0) * (depth > 0.02)
    canvas.blend(bank.astype(np.float32), canvas.lit(rgb(0.42, 0.36, 0.24), 0.8))
    paint_water(canvas, h, mask.astype(np.float32), colour=rgb(0.22, 0.46, 0.56), waves=0.6)
    line = _ridge(canvas, "wood", h + 0.01, 0.02)
    grove(canvas, line, 14, 0.07, 0.5, rgb(0.18, 0.36, 0.18), "round")
    return Place(min(0.9, h + 0.27), 0.9)


def snowfield(canvas: Canvas) -> Place:
    """White ground, bare firs."""
    h = canvas.horizon
    canvas.land(_ridge(canvas, "far", h - 0.03, 0.08, 0.5), rgb(0.66, 0.72, 0.82), 0.25)
    for row, depth in enumerate((0.45, 0.75, 1.0)):
        line = _ridge(canvas, f"drift {row}", h + 0.03 + 0.12 * row, 0.045, 0.3, 2)
        canvas.land(line, SNOW * (0.92 + 0.04 * row), depth, relief=0.14)
        if row < 2:
            grove(canvas, line, 9, 0.08 + 0.04 * row, depth, rgb(0.24, 0.33, 0.32), "conifer")
    return Place(min(0.92, h + 0.32))


def garden(canvas: Canvas) -> Place:
    """A bed of flowers to the horizon."""
    h = canvas.horizon
    line = _ridge(canvas, "hedge", h - 0.01, 0.03)
    canvas.land(line, rgb(0.26, 0.46, 0.22), 0.4)
    grove(canvas, line, 10, 0.09, 0.45, rgb(0.20, 0.42, 0.18), "round")
    canvas.land(_ridge(canvas, "bed", h + 0.05, 0.01), rgb(0.34, 0.58, 0.24), 0.9)
    flowers(canvas, h + 0.05)
    return Place(min(0.88, h + 0.22), 0.85)


def village(canvas: Canvas) -> Place:
    """Houses on a hill."""
    h = canvas.horizon
    canvas.land(_ridge(canvas, "far", h - 0.04, 0.08), rgb(0.40, 0.52, 0.44), 0.25)
    line = _ridge(canvas, "hill", h + 0.08, 0.07, 0.3, 2)
    canvas.land(line, GRASS, 0.7)
    grove(canvas, line, 6, 0.08, 0.6, rgb(0.20, 0.38, 0.18), "round")
    for row, depth in enumerate((0.65, 1.0)):
        rng = canvas.rng(f"houses {row}")
        with canvas.pen() as pen:
            for slot in range(6 - row):
                x = (slot + 0.5 + float(rng.uniform(-0.25, 0.25))) / (6 - row)
                foot = float(line[min(canvas.size - 1, int(x * canvas.size))]) + 0.06 + 0.14 * row
                house(
                    canvas, pen, x, foot, (0.09 + 0.04 * row) * canvas.scale * float(rng.uniform(0.85, 1.2)), depth, rng
                )
    near = _ridge(canvas, "near", h + 0.34, 0.05)
    canvas.land(near, GRASS * 0.85, 1.0)
    return Place(min(0.95, h + 0.38))


def island(canvas: Canvas) -> Place:
    """A wooded island with palms and a beach."""
    h = canvas.horizon
    centre = {"centered": 0.5, "thirds": 0.64}.get(
        canvas.wish.composition, float(canvas.rng("island").uniform(0.35, 0.65))
    )
    half = 0.20 * (0.8 + 0.35 * canvas.scale)
    water = h + 0.07
    paint_water(canvas, h, canvas.below(h), colour=rgb(0.12, 0.50, 0.58))
    hump = np.clip(1.0 - ((canvas.x[0] - centre) / half) ** 2, 0.0, 1.0)
    rough = 1.0 + 0.22 * line_noise(canvas.rng("hump"), canvas.size, 6, 0.5, 5)
    hill = np.where(hump > 0, water - hump * rough * 0.16 * canvas.scale, 1.5).astype(np.float32)
    beach = np.where(hump > 0, water - 0.022 * np.sqrt(hump), 1.5)
    foot = 1.0 - canvas.below(water + 0.012)
    before = canvas.pixels.copy()
    canvas.land(hill, rgb(0.24, 0.44, 0.22), 0.8, relief=0.5, grain=14)
    canvas.blend(canvas.below(beach), canvas.lit(SAND, 0.9))
    canvas.pixels = mix(before, canvas.pixels, foot[..., None])
    rng = canvas.rng("palms")
    with canvas.pen() as pen:
        for _ in range(5):
            x = centre + half * float(rng.uniform(-0.7, 0.7))
            y = water - 0.01 - 0.05 * float(rng.random())
            palm(pen, x, y, 0.14 * canvas.scale, canvas.lit(rgb(0.16, 0.36, 0.16), 0.9), float(rng.uniform(-1, 1)))
    return Place(h + 0.22, 0.9, water=True)


def cliffs(canvas: Canvas) -> Place:
    """Rock walls falling into the sea."""
    h = canvas.horizon
    paint_water(canvas, h, canvas.below(h), colour=rgb(0.12, 0.34, 0.46), waves=1.2)
    left = canvas.rng("side").random() < 0.5
    across = canvas.x[0] if left else 1.0 - canvas.x[0]
    for row, (reach, top, depth) in enumerate(((0.72, 0.05, 0.45), (0.46, 0.20, 0.9))):
        wall = np.clip((across - reach) * 9.0, 0.0, 1.5)
        line = (
            h
            - top * (0.8 + 0.4 * canvas.scale)
            + wall
            + 0.02 * line_noise(canvas.rng(f"cliff {row}"), canvas.size, 7, 0.6, 5)
        )
        foot = h + 0.06 + 0.26 * row - 0.05 * across
        rock = field_noise(canvas.rng(f"rock {row}"), canvas.size, 5, 0.65, 3, 12)
        tone = canvas.lit(rgb(0.62, 0.52, 0.44), depth) * (0.62 + 0.76 * rock)[..., None]
        body = canvas.below(line.astype(np.float32)) * (1.0 - canvas.below(foot))
        canvas.blend(body, tone)
        turf = body * np.clip(1.0 - (canvas.y - line) / 0.035, 0.0, 1.0)
        canvas.blend(turf, canvas.lit(GRASS, depth))
        surf = canvas.below(foot - 0.012) * (1.0 - canvas.below(foot + 0.02)) * (across < reach + 0.06)
        canvas.blend(surf * 0.6, canvas.lit(SNOW, depth))
    return Place(h - 0.165 * (0.8 + 0.4 * canvas.scale) - 0.02, 0.9)


def waterfall(canvas: Canvas) -> Place:
    """Water falling between rock walls into a pool."""
    h = canvas.horizon
    canvas.land(_ridge(canvas, "far wood", h - 0.24, 0.08), rgb(0.26, 0.42, 0.30), 0.35)
    rock = field_noise(canvas.rng("rock"), canvas.size, 5, 0.65, 3, 9)
    line = _ridge(canvas, "lip", h - 0.20, 0.05)
    canvas.blend(canvas.below(line), canvas.lit(rgb(0.44, 0.42, 0.40), 0.8) * (0.55 + 0.9 * rock)[..., None])
    grove(canvas, line, 14, 0.09, 0.5, rgb(0.14, 0.34, 0.18), "conifer")
    centre = {"centered": 0.5, "thirds": 0.36}.get(
        canvas.wish.composition, float(canvas.rng("fall").uniform(0.35, 0.65))
    )
    width = 0.085 * (0.7 + 0.4 * canvas.scale)
    pool = h + 0.20
    down = np.clip((canvas.y - (h - 0.21)) / 0.4, 0.0, 1.0)
    streaks = field_noise(canvas.rng("streaks"), canvas.size, 4, 0.6, 2, 26)
    inside = np.clip((width * (1.0 + 0.35 * down) - np.abs(canvas.x - centre)) * canvas.size * 0.4, 0.0, 1.0)
    fall = inside * canvas.below(h - 0.19) * (1.0 - canvas.below(pool + 0.01))
    canvas.blend(fall.astype(np.float32), canvas.lit(rgb(0.90, 0.95, 1.0), 1.0) * (0.72 + 0.5 * streaks)[..., None])
    edge = (pool + 0.03 * np.abs(line_noise(canvas.rng("pool"), canvas.size, 4, 0.5, 3))).astype(np.float32)
    paint_water(canvas, pool, canvas.below(edge), colour=rgb(0.16, 0.44, 0.48), waves=0.8)
    mist = np.exp(-(((canvas.x - centre) / (width * 2.2)) ** 2) - ((canvas.y - pool) / 0.06) ** 2)
    canvas.blend((0.8 * mist).astype(np.float32), np.clip(canvas.lit(SNOW, 1.0), 0.0, 1.0))
    rng = canvas.rng("firs")
    side = 1.0 if canvas.sun[0] > 0.5 else -1.0
    dark, light = canvas.lit(rgb(0.11, 0.27, 0.15)), canvas.lit(rgb(0.17, 0.38, 0.2))
    with canvas.pen() as pen:
        for _ in range(7):
            x = float(rng.uniform(0.0, 0.24)) if rng.random() < 0.5 else float(rng.uniform(0.76, 1.0))
            conifer(pen, x, h + 0.26 + 0.12 * float(rng.random()), 0.30 * canvas.scale, dark, light, side)
    return Place(h - 0.20, 0.7)


def canyon(canvas: Canvas) -> Place:
    """Layered mesas of red rock."""
    h = canvas.horizon
    for row, depth in enumerate((0.2, 0.5, 0.85)):
        steps = line_noise(canvas.rng(f"mesa {row}"), canvas.size, 3, 0.5, 4 + row)
        flat = np.tanh(steps * 3.5) * 0.5 + 0.5
        line = h + 0.06 + 0.10 * row - (0.20 - 0.04 * row) * flat * (0.75 + 0.3 * canvas.scale)
        line = line + 0.006 * line_noise(canvas.rng(f"rim {row}"), canvas.size, 7, 0.8, 9)
        strata = 0.5 + 0.5 * np.sin((canvas.y - 0.25 * line[None, :]) * 150.0 + 2.0 * row)
        rock = field_noise(canvas.rng(f"strata {row}"), canvas.size, 4, 0.6, 4, 14)
        tone = canvas.lit(rgb(0.80, 0.42, 0.26), depth) * (0.70 + 0.20 * strata + 0.35 * rock)[..., None]
        canvas.blend(canvas.below(line.astype(np.float32)), tone)
    canvas.land(_ridge(canvas, "floor", h + 0.26, 0.04), rgb(0.76, 0.52, 0.34), 1.0, relief=0.25, grain=10)
    return Place(min(0.92, h + 0.33))


def sky(canvas: Canvas) -> Place:
    """A thin strip of land under everything."""
    canvas.land(_ridge(canvas, "far", canvas.horizon - 0.01, 0.03), rgb(0.30, 0.40, 0.36), 0.4)
    canvas.land(_ridge(canvas, "near", canvas.horizon + 0.06, 0.03), rgb(0.26, 0.36, 0.22), 1.0)
    return Place(canvas.horizon + 0.06, 1.0)


SCENES: dict[str, Callable[[Canvas], Place]] = {
    scene.__name__: scene
    for scene in (
        mountain,
        sea,
        forest,
        city,
        desert,
        field,
        lake,
        river,
        snowfield,
        garden,
        village,
        island,
        cliffs,
        waterfall,
        canyon,
        sky,
    )
}
"""Every scene of the vocabulary by name."""
