"""How well an image and a piece of music fit: their emotions, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion

UNRELATED: Final = (0.087, 0.068)
"""Mean and standard deviation of the cosine of an image and a recording that have nothing to do with each other.

Measured with the studio models of 2026-11-25 on 80 photographs (OASIS, Flickr8k, Intel scenes) beside 60 recordings
(Emotify). Other weights need other numbers.
"""

_EMOTION_WEIGHT: Final = 0.6
_APART: Final = 0.35
"""Distance on one axis from which the two are said to pull apart."""
_CLOSE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Reason:
    """Why they fit, or do not, on one axis.

    Attributes:
        axis: "valence", "arousal" or "meaning".
        fit: 0..1.
        text: One sentence.
    """

    axis: str
    fit: float
    text: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How well they fit.

    Attributes:
        emotion: 0..1, `Emotion.similarity`.
        semantic: 0..1, the share of unrelated pairs that are less alike; None where the meaning is not known.
        overall: 0..1, both together.
        reasons: One for each axis, what keeps them apart most first.
    """

    emotion: float
    semantic: float | None
    overall: float
    reasons: tuple[Reason, ...]


def align(
    image: Emotion,
    music: Emotion,
    cosine: float | None,
    *,
    seen: Sequence[str] = (),
    heard: Sequence[str] = (),
) -> Fit:
    """Compare an image with a piece of music.

    The emotion is MESA-MIG's S_mi. The meaning is where the pair stands among unrelated ones: cosines between two media
    are small numbers that tell a person nothing. The whole is a convention of ours, 0.6 to 0.4: a picture and a piece
    that feel alike fit even where they tell of different things.

    Args:
        image: How the image feels.
        music: How the music feels.
        cosine: Of their vectors; None where there is none.
        seen: What the image shows.
        heard: What the music is like.
    """
    emotion = image.similarity(music)
    reasons = [
        _axis("valence", image.valence, music.valence, ("sad", "neither glad nor sad", "glad"), "gladder"),
        _axis(
            "arousal", image.arousal, music.arousal, ("calm", "neither calm nor stirring", "stirring"), "more stirring"
        ),
    ]
    semantic = None
    if cosine is not None:
        semantic = normal_share((cosine - UNRELATED[0]) / UNRELATED[1])
        reasons.append(Reason("meaning", semantic, _meaning(semantic, seen, heard)))
    overall = emotion if semantic is None else _EMOTION_WEIGHT * emotion + (1 - _EMOTION_WEIGHT) * semantic
    return Fit(emotion, semantic, overall, tuple(sorted(reasons, key=lambda reason: reason.fit)))


def normal_share(z: float) -> float:
    """The share of a standard normal that lies below z, 0..1."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def cosine_of(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """The cosine of two vectors of length 1, -1..1."""
    return float(np.clip(left @ right, -1.0, 1.0))


def _axis(name: str, image: float, music: float, words: tuple[str, str, str], more: str) -> Reason:
    gap = abs(image - music)
    first, second = (_word(value, words) for value in (image, music))
    numbers = f"({image:+.2f} against {music:+.2f})"
    if gap >= _APART and first == second:
        higher, lower = ("image", "music") if image > music else ("music", "image")
        text = f"In {name} they pull apart: the {higher} is far {more} than the {lower} {numbers}."
    elif gap >= _APART:
        text = f"In {name} they pull apart: the image is {first}, the music {second} {numbers}."
    elif first == second:
        text = f"In {name} they agree: both are {first} {numbers}."
    elif gap <= _CLOSE:
        text = f"In {name} they nearly agree {numbers}."
    else:
        text = f"In {name} they differ a little: the image is {first}, the music {second} {numbers}."
    return Reason(name, 1 - gap / 2, text)


def _word(value: float, words: tuple[str, str, str]) -> str:
    return words[0] if value < -0.1 else words[2] if value > 0.1 else words[1]


def _meaning(share: float, seen: Sequence[str], heard: Sequence[str]) -> str:
    what = " and ".join(
        f"{where} {', '.join(names)}" for where, names in (("the image shows", seen), ("the music has", heard)) if names
    )
    told = f"{what[0].upper()}{what[1:]}; they" if what else "They"
    return f"{told} are more alike than {share:.0%} of unrelated pairs."
