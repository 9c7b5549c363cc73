"""The picture under work: pixels, coordinates, light and helpers that every part of the painter draws with."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from luce.server.vocabulary import Attributes
from training.painter.noise import Array, field_noise

Colour = tuple[float, float, float] | Array
Point = tuple[float, float]


def mix(a: Array | float, b: Array | float, t: Array | float) -> Array:
    """Linear blend from `a` (t = 0) to `b` (t = 1)."""
    return np.asarray(a + (b - a) * t, dtype=np.float32)


def rgb(red: float, green: float, blue: float) -> Array:
    """An sRGB colour, channels in [0, 1]: float32 (3,)."""
    return np.array([red, green, blue], dtype=np.float32)


@dataclass
class Canvas:
    """Working state of one picture. All positions are fractions of the side: (0, 0) is the top left corner.

    Attributes:
        wish: what to draw.
        seed: with `wish`, decides everything.
        size: side of the working image in pixels.
        pixels: float32 (size, size, 3), sRGB, nominally [0, 1].
        horizon: height of the horizon, fraction from the top.
        scale: size of things (1 = wide view).
        sun: place of the sun or moon.
        sun_colour: colour of the sun or moon.
        key: colour of the light on things, a factor.
        haze: colour into which distance fades.
        energy: motion in [0, 1], from resting to raging.
        silhouette: 0 for lit things, 1 for black ones (backlight).
    """

    wish: Attributes
    seed: int
    size: int
    pixels: Array = field(init=False)
    horizon: float = 0.5
    scale: float = 1.0
    sun: Point = (0.5, 0.3)
    sun_colour: Array = field(default_factory=lambda: rgb(1.0, 1.0, 1.0))
    key: Array = field(default_factory=lambda: rgb(1.0, 1.0, 1.0))
    haze: Array = field(default_factory=lambda: rgb(0.8, 0.8, 0.8))
    energy: float = 0.3
    silhouette: float = 0.0

    def __post_init__(self) -> None:
        self.pixels = np.zeros((self.size, self.size, 3), dtype=np.float32)
        axis = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        self.x: Array = axis[None, :]
        self.y: Array = axis[:, None]

    def rng(self, part: str) -> np.random.Generator:
        """A generator of its own for each named part, so that parts do not disturb one another."""
        return np.random.default_rng([self.seed & 0xFFFFFFFF, zlib.crc32(part.encode())])

    def lit(self, colour: Colour, depth: float = 1.0, *, shade: float = 1.0) -> Array:
        """A thing's colour under this light at a depth from 0 (far, lost in haze) to 1 (near)."""
        own: Array = np.asarray(colour, dtype=np.float32)
        if self.wish.weather == "snow":
            own = mix(own, 0.93, 0.4)
        own = own * self.key * shade
        own = own * (1.0 - 0.82 * self.silhouette * (0.35 + 0.65 * depth))
        far = {"mist": 0.95, "rain": 0.7, "snow": 0.7, "storm": 0.6}.get(self.wish.weather, 0.55)
        return mix(own, self.haze * (1.0 - 0.45 * self.silhouette), (1.0 - depth) * far)

    def blend(self, mask: Array, colour: Array) -> None:
        """Lay a colour (or a whole image) over the picture where `mask` (size, size) in [0, 1] says so."""
        self.pixels = mix(self.pixels, colour, mask[..., None])

    def add(self, mask: Array, colour: Colour) -> None:
        """Add light."""
        self.pixels = self.pixels + mask[..., None] * np.asarray(colour, dtype=np.float32)

    def below(self, line: Array | float) -> Array:
        """Antialiased mask of what lies below a line of heights, (size,) or one height."""
        inside = np.clip((self.y - np.asarray(line, dtype=np.float32)) * self.size + 0.5, 0.0, 1.0)
        return np.asarray(inside * np.ones_like(self.x))

    def land(self, ridge: Array, colour: Colour, depth: float, *, relief: float = 0.25, grain: int = 6) -> None:
        """A range of ground below a ridge line, lit from the side of the sun."""
        field = field_noise(self.rng(f"land {depth:.3f} {grain}"), self.size, 5, 0.6, grain, grain)
        step = max(1, self.size // 64)
        slope = field - np.roll(field, step if self.sun[0] > 0.5 else -step, axis=1)
        shade = 1.0 + relief * (2.6 * slope + 1.0 * (field - 0.5)) - 0.10 * depth * (self.y - ridge[None, :])
        base = self.lit(colour, depth)
        self.blend(self.below(ridge), base * np.clip(shade, 0.5, 1.6)[..., None])

    @contextmanager
    def pen(self) -> Iterator[Pen]:
        """Draw shapes on the picture with `Pen`; the pixels are taken over on leaving."""
        image = Image.fromarray((np.clip(self.pixels, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))
        yield Pen(ImageDraw.Draw(image), self.size)
        self.pixels = np.asarray(image, dtype=np.float32) / 255.0


@dataclass
class Pen:
    """Shapes in fractions of the side."""

    draw: ImageDraw.ImageDraw
    size: int

    @staticmethod
    def ink(colour: Array) -> tuple[int, int, int]:
        """An 8-bit colour."""
        red, green, blue = (int(v) for v in np.clip(colour * 255.0 + 0.5, 0, 255))
        return red, green, blue

    def polygon(self, points: list[Point], colour: Array) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * self.size, y * self.size) for x, y in points], fill=self.ink(colour))

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Array) -> None:
        """A filled rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Array) -> None:
        """A filled ellipse about a centre."""
        s = self.size
        self.draw.ellipse([(x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s], fill=self.ink(colour))

    def line(self, points: list[Point], colour: Array, width: float) -> None:
        """A polyline; the width is a fraction of the side, at least one pixel."""
        pixels = max(1, round(width * self.size))
        self.draw.line([(x * self.size, y * self.size) for x, y in points], fill=self.ink(colour), width=pixels)
