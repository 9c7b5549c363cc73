"""What falls or hangs in the air, light that takes a shape, and the foreground frame."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from training.painter.canvas import Canvas, Point, mix, rgb
from training.painter.noise import Array, field_noise


def paint_weather(canvas: Canvas) -> None:
    """Lay the weather over the finished scene."""
    weather = canvas.wish.weather
    if weather == "mist":
        bank = field_noise(canvas.rng("mist"), canvas.size, 4, 0.5, 5, 2)
        near = np.exp(-(((canvas.y - canvas.horizon - 0.06) / 0.20) ** 2))
        canvas.blend(np.clip(near * (0.50 + 0.65 * bank), 0.0, 0.9), mix(canvas.haze, 1.0, 0.12))
    elif weather == "storm":
        if canvas.wish.light != "aurora":
            _lightning(canvas)
        _rain(canvas, 110, 0.16)
    elif weather == "rain":
        canvas.pixels = mix(canvas.pixels, canvas.haze, 0.14)
        _rain(canvas, 190, 0.24)
    elif weather == "snow":
        _snow(canvas)


def paint_rays(canvas: Canvas) -> None:
    """Beams from the sun (light `rays`), or one shaft through the clouds (`dramatic`)."""
    sx, sy = canvas.sun
    if canvas.wish.light == "rays":
        angle = np.arctan2(canvas.x - sx, canvas.y - sy + 0.25)
        rng = canvas.rng("rays")
        beams = np.zeros((canvas.size, canvas.size), dtype=np.float32)
        for _ in range(6):
            beams += np.exp(-(((angle - rng.uniform(-1.1, 1.1)) / rng.uniform(0.03, 0.08)) ** 2))
        fade = np.clip(1.15 - np.hypot(canvas.x - sx, canvas.y - sy), 0.0, 1.0)
        canvas.add(
            (0.40 * np.clip(beams, 0, 1) * fade).astype(np.float32),
            canvas.sun_colour * np.clip(canvas.key + 0.35, 0, 1),
        )
    elif canvas.wish.light == "dramatic":
        reach = np.exp(-(((canvas.x - sx) / 0.22) ** 2) - ((canvas.y - canvas.horizon) / 0.20) ** 2).astype(np.float32)
        corner = np.clip(np.hypot(canvas.x - 0.5, canvas.y - 0.5) * 1.3 - 0.35, 0.0, 0.6)
        canvas.pixels = canvas.pixels * (1.0 - 0.75 * corner)[..., None]
        canvas.pixels = canvas.pixels * (1.0 + 0.40 * reach)[..., None]
        canvas.add(reach * 0.10, canvas.sun_colour)


def paint_frame(canvas: Canvas) -> None:
    """Dark trunks and leaves at the border (composition `framed`)."""
    if canvas.wish.composition != "framed":
        return
    rng = canvas.rng("frame")
    dark = canvas.lit(rgb(0.10, 0.10, 0.07)) * 0.5
    leaf = canvas.lit(rgb(0.12, 0.20, 0.09)) * 0.6
    with canvas.pen() as pen:
        for side in (0.0, 1.0):
            inward = 1.0 if side == 0.0 else -1.0
            base = side + inward * 0.05
            pen.polygon([(base - 0.06, 1.05), (base + 0.07, 1.05), (base + 0.035, -0.05), (base - 0.05, -0.05)], dark)
            pen.line([(base, 0.35), (base + inward * 0.16, 0.12)], dark, 0.025)
            for _ in range(16):
                x = side + inward * abs(float(rng.normal(0, 0.14)))
                y = abs(float(rng.normal(0, 0.10)))
                pen.oval(
                    x,
                    y,
                    float(rng.uniform(0.03, 0.07)),
                    float(rng.uniform(0.02, 0.045)),
                    leaf * float(rng.uniform(0.7, 1.3)),
                )
        for _ in range(26):
            x, h = float(rng.random()), float(rng.uniform(0.03, 0.11))
            pen.polygon([(x - 0.03, 1.02), (x + 0.03, 1.02), (x + float(rng.normal(0, 0.02)), 1.0 - h)], leaf)


def _veil(canvas: Canvas, strokes: list[tuple[list[Point], float, float]], colour: Array) -> None:
    """Antialiased light strokes: (points, width, opacity)."""
    size = canvas.size
    image = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(image)
    for points, width, opacity in strokes:
        draw.line([(x * size, y * size) for x, y in points], fill=int(255 * opacity), width=max(1, round(width * size)))
    canvas.blend(np.asarray(image, dtype=np.float32) / 255.0, colour)


def _rain(canvas: Canvas, count: int, opacity: float) -> None:
    rng = canvas.rng("rain")
    slant = 0.2 + 0.8 * canvas.energy
    strokes = []
    for _ in range(count):
        x, y, fall = float(rng.uniform(-0.1, 1.1)), float(rng.uniform(-0.05, 1.0)), float(rng.uniform(0.05, 0.10))
        strokes.append(([(x, y), (x - slant * fall * 0.6, y + fall)], 0.006, opacity * float(rng.uniform(0.6, 1.5))))
    _veil(canvas, strokes, mix(canvas.haze, 1.0, 0.55))


def _snow(canvas: Canvas) -> None:
    rng = canvas.rng("flakes")
    bright = np.clip(canvas.key * 0.5 + 0.62, 0.0, 1.0)
    with canvas.pen() as pen:
        for _ in range(130):
            x, y, near = float(rng.random()), float(rng.random()), float(rng.random()) ** 2
            radius = 0.004 + 0.009 * near
            pen.oval(x, y, radius, radius, bright)


def _lightning(canvas: Canvas) -> None:
    rng = canvas.rng("lightning")
    x, y = float(rng.uniform(0.2, 0.8)), 0.02
    canvas.add(
        (0.22 * np.exp(-(((canvas.x - x) / 0.25) ** 2)) * (canvas.y < canvas.horizon)).astype(np.float32),
        (0.8, 0.85, 1.0),
    )
    bolt: list[Point] = [(x, y)]
    while y < canvas.horizon:
        x, y = x + float(rng.normal(0, 0.035)), y + float(rng.uniform(0.03, 0.07))
        bolt.append((x, y))
    fork: list[Point] = [bolt[len(bolt) // 2]]
    for _ in range(4):
        fork.append((fork[-1][0] + float(rng.uniform(0.0, 0.05)), fork[-1][1] + float(rng.uniform(0.02, 0.05))))
    white = rgb(1.0, 1.0, 0.96)
    _veil(canvas, [(bolt, 0.030, 0.22), (bolt, 0.013, 1.0), (fork, 0.008, 0.9)], white)
