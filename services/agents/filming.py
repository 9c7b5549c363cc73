"""From key pictures to frames: they dissolve into each other, the view drifts, the light pulses with the beat.

Pure: the same pictures and music give the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from luce.v1 import agents_pb2
from services.agents.sequence import emotion_path

Floats = NDArray[np.float64]

# Of the time from one key picture to the next, how much shows one alone at either end.
_HOLD: Final = 0.2
# The view is cut out of the picture: by so much, and so much more where the music is excited.
_CLOSENESS, _MORE_CLOSENESS = 0.05, 0.05
# Turns of the view's drift in a minute, of calm and of excited music.
_CALM_TURNS, _EXCITED_TURNS = 1.5, 9.0
# Brightening on a beat of the most excited music, and how fast it fades.
_PULSE: Final = 0.10
_PULSE_FADE_S: Final = 0.12


def frame_count(duration_s: float, rate: Fraction) -> int:
    """Frames that are as long as the music, at least one."""
    return max(1, math.ceil(duration_s * rate))


def frames_of(
    pictures: Sequence[NDArray[np.uint8]],
    times: Sequence[float],
    music: agents_pb2.MusicDescription,
    rate: Fraction,
) -> Iterator[NDArray[np.uint8]]:
    """The frames, one by one.

    Args:
        pictures: The key pictures, uint8 (height, width, 3), all of one size, at least two.
        times: When each is fully seen, seconds, ascending.
        music: Its length, curve and beats.
        rate: Frames per second.

    Yields:
        uint8 (height, width, 3).
    """
    count = frame_count(music.duration_s, rate)
    clock = np.arange(count) / float(rate)
    excitement = (emotion_path(music, clock)[:, 1] + 1.0) / 2.0
    turns = (_CALM_TURNS + (_EXCITED_TURNS - _CALM_TURNS) * excitement) / 60.0 / float(rate)
    angle = 2.0 * np.pi * (np.cumsum(turns) - turns[0])
    light = 1.0 + _PULSE * excitement * _pulse(clock, np.asarray(music.beat_times, np.float64))
    for index, time in enumerate(clock):
        at = min(max(int(np.searchsorted(times, time, side="right")) - 1, 0), len(times) - 2)
        share = _dissolve((time - times[at]) / (times[at + 1] - times[at]))
        mixed = _mix(pictures[at], pictures[at + 1], share)
        seen = _view(mixed, float(excitement[index]), float(angle[index]))
        yield _lit(seen, float(light[index]))


def _dissolve(progress: float) -> float:
    """How much of the next picture is seen, 0..1: still at both ends, smooth between (Hermite)."""
    u = min(1.0, max(0.0, (progress - _HOLD) / (1.0 - 2.0 * _HOLD)))
    return u * u * (3.0 - 2.0 * u)


def _pulse(clock: Floats, beats: Floats) -> Floats:
    """1 on a beat, fading after it; (n,)."""
    if not len(beats):
        return np.zeros(len(clock))
    last = np.searchsorted(beats, clock, side="right") - 1
    since = np.where(last >= 0, clock - beats[np.maximum(last, 0)], np.inf)
    faded: Floats = np.exp(-since / _PULSE_FADE_S)
    return faded


def _mix(one: NDArray[np.uint8], other: NDArray[np.uint8], share: float) -> Image.Image:
    first, second = (Image.fromarray(pixels, "RGB") for pixels in (one, other))
    if share <= 0.0:
        return first
    return second if share >= 1.0 else Image.blend(first, second, share)


def _view(picture: Image.Image, excitement: float, angle: float) -> Image.Image:
    """A part of the picture, enlarged to its size: nearer when excited, wandering on a Lissajous curve of 1:2."""
    width, height = picture.size
    margin = _CLOSENESS + _MORE_CLOSENESS * excitement
    left = margin * width * (0.5 + 0.5 * math.sin(angle))
    top = margin * height * (0.5 + 0.25 * math.sin(2.0 * angle))
    box = (left, top, left + width * (1.0 - margin), top + height * (1.0 - margin))
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _lit(picture: Image.Image, gain: float) -> NDArray[np.uint8]:
    pixels = np.asarray(picture, np.uint8)
    if gain == 1.0:
        return pixels.copy()
    table = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    lit: NDArray[np.uint8] = table[pixels]
    return lit
