"""Rendering styles: the finished scene as a photograph, a painting, a drawing, pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from training.painter.canvas import Canvas, mix, rgb
from training.painter.grade import luminance
from training.painter.noise import Array, field_noise


def _blur(image: Array, sigma: float) -> Array:
    return np.asarray(gaussian_filter(image, (sigma, sigma, 0) if image.ndim == 3 else sigma), dtype=np.float32)


def _edges(light: Array, size: int) -> Array:
    """Strength of outlines in [0, 1]."""
    soft = gaussian_filter(light, size / 220.0)
    dy, dx = np.gradient(soft)
    return np.asarray(np.clip(np.hypot(dx, dy) * size / 26.0 - 0.16, 0.0, 1.0), dtype=np.float32)


def _paper(canvas: Canvas, cells: int) -> Array:
    return field_noise(canvas.rng("paper"), canvas.size, 3, 0.8, cells, cells) - 0.5


def _saturate(image: Array, factor: float) -> Array:
    grey = luminance(image)[..., None]
    return np.asarray(grey + (image - grey) * factor, dtype=np.float32)


def photo(canvas: Canvas) -> Array:
    """As seen, with the fall-off of a lens."""
    corner = (canvas.x - 0.5) ** 2 + (canvas.y - 0.5) ** 2
    return canvas.pixels * (1.0 - 0.30 * corner)[..., None]


def watercolor(canvas: Canvas) -> Array:
    """Pale washes with dark rims that bleed into a white, uneven border."""
    size = canvas.size
    drift = field_noise(canvas.rng("bleed"), size, 3, 0.6, 9, 9) - 0.5
    side = np.arange(size)
    places = np.stack([side[:, None] + drift * size * 0.030, side[None, :] + drift.T * size * 0.030])
    image = np.stack([map_coordinates(canvas.pixels[..., c], places, order=1, mode="nearest") for c in range(3)], -1)
    image = _blur(image.astype(np.float32), size / 110.0)
    rims = _edges(luminance(image), size)
    image = mix(_saturate(image, 1.1), 1.0, 0.24) - 0.20 * rims[..., None]
    pool = field_noise(canvas.rng("pool"), size, 3, 0.6, 4, 4) - 0.5
    image = image * (1.0 + 0.24 * pool + 0.09 * _paper(canvas, 32))[..., None]
    rim = np.minimum(np.minimum(canvas.x, 1 - canvas.x), np.minimum(canvas.y, 1 - canvas.y)) + 0.05 * drift
    return mix(rgb(0.98, 0.97, 0.94), image, np.clip((rim - 0.02) * 28.0, 0.0, 1.0)[..., None])


def oil(canvas: Canvas) -> Array:
    """Flat strokes with a lit relief (Kuwahara filter: each pixel takes the calmest of four neighbours' means)."""
    image, size = _saturate(canvas.pixels, 1.15), canvas.size
    reach = max(2, size // 36)
    light = luminance(image)
    mean = uniform_filter(image, (reach, reach, 1))
    spread = uniform_filter(light * light, reach) - uniform_filter(light, reach) ** 2
    half = reach // 2
    best, out = np.full((size, size), np.inf, dtype=np.float32), image
    for dy in (-half, half):
        for dx in (-half, half):
            calm = np.roll(spread, (dy, dx), (0, 1))
            take = calm < best
            out = np.where(take[..., None], np.roll(mean, (dy, dx), (0, 1)), out)
            best = np.minimum(best, calm)
    bristle = field_noise(canvas.rng("bristle"), size, 3, 0.7, 22, 16) - 0.5
    relief = bristle - np.roll(bristle, max(1, size // 128), axis=0)
    return np.asarray(out * (1.0 + 0.16 * bristle + 0.20 * relief)[..., None], dtype=np.float32)


def ink(canvas: Canvas) -> Array:
    """Black outlines and a few washes on warm paper, a trace of colour."""
    light = luminance(canvas.pixels)
    low, high = np.percentile(light, (4, 96))
    tone = np.clip((light - low) / max(float(high - low), 0.05), 0.0, 1.0)
    wash = 0.36 + 0.66 * np.round(tone * 3.5) / 3.5 + 0.14 * _paper(canvas, 20)
    wash = np.clip(wash, 0.0, 1.0) * (1.0 - 0.92 * _edges(tone.astype(np.float32), canvas.size))
    paper = rgb(0.97, 0.95, 0.90)
    colour = _saturate(canvas.pixels, 1.2)
    tint = colour / np.maximum(luminance(colour), 0.12)[..., None]
    return np.asarray(wash[..., None] * mix(paper, np.clip(tint, 0.3, 1.4) * paper, 0.22), dtype=np.float32)


def pixel(canvas: Canvas) -> Array:
    """A 32 x 32 grid in fourteen colours."""
    image = Image.fromarray((np.clip(_saturate(canvas.pixels, 1.2), 0, 1) * 255).astype(np.uint8))
    small = image.resize((32, 32), Image.Resampling.BOX).quantize(14, dither=Image.Dither.NONE).convert("RGB")
    big = small.resize((canvas.size, canvas.size), Image.Resampling.NEAREST)
    return np.asarray(big, dtype=np.float32) / 255.0


def pastel(canvas: Canvas) -> Array:
    """Chalk: light, soft, with the grain of the paper showing."""
    image = mix(_saturate(_blur(canvas.pixels, canvas.size / 100.0), 0.9), rgb(0.98, 0.95, 0.93), 0.34)
    grain = field_noise(canvas.rng("chalk"), canvas.size, 2, 0.8, 56, 44) - 0.5
    return mix(image, 1.0, np.clip(grain * 0.40 + 0.02, 0.0, 0.20)[..., None] * (0.35 + 0.65 * image))


def poster(canvas: Canvas) -> Array:
    """Six flat, strong colours."""
    image = _saturate(_blur(canvas.pixels, canvas.size / 90.0), 1.3)
    flat = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).quantize(6, dither=Image.Dither.NONE)
    return np.asarray(flat.convert("RGB"), dtype=np.float32) / 255.0


def impressionist(canvas: Canvas) -> Array:
    """Short dabs of broken colour."""
    rng = canvas.rng("dabs")
    size = canvas.size
    source = _saturate(_blur(canvas.pixels, size / 80.0), 1.35)
    picture = Image.fromarray((np.clip(source, 0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    count = 1100
    xs, ys, turn = rng.random(count), rng.random(count), rng.normal(0, 0.5, count)
    jitter = rng.normal(0, 0.035, (count, 3)) + rng.normal(0, 0.035, (count, 1))
    colours = source[(ys * size).astype(int), (xs * size).astype(int)] + jitter
    packed = (np.clip(colours, 0, 1) * 255).astype(int)
    length = 0.022 * size
    for x, y, angle, colour in zip(xs * size, ys * size, turn, packed, strict=True):
        dx, dy = float(np.cos(angle)) * length, float(np.sin(angle)) * length
        ink_colour = (int(colour[0]), int(colour[1]), int(colour[2]))
        draw.line([x - dx, y - dy, x + dx, y + dy], fill=ink_colour, width=max(1, round(0.020 * size)))
    return np.asarray(picture, dtype=np.float32) / 255.0


STYLES: dict[str, Callable[[Canvas], Array]] = {
    style.__name__: style for style in (photo, watercolor, oil, ink, pixel, pastel, poster, impressionist)
}
"""Every style of the vocabulary by name."""
