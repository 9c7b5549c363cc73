"""The labels of ``audio_encoder``: typed view of tags.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from luce.server.music.spectra import FloatArray

#: Kinds of labels. Those of "sound" say what a window is at all: music, speech, noise, a tone, clicks, silence.
DIMENSIONS = ("instruments", "styles", "moods", "tempo", "voice", "sound")


@dataclass(frozen=True)
class Tag:
    """One label.

    Attributes:
        dimension: one of `DIMENSIONS`.
        name: unique.
        phrase: how a text names it, with its article.
        threshold: probability from which it is said to be heard, in (0, 1).
    """

    dimension: str
    name: str
    phrase: str
    threshold: float


@dataclass(frozen=True)
class Tags:
    """All labels, in the order of the model's output."""

    entries: tuple[Tag, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(tag.name for tag in self.entries)

    @property
    def thresholds(self) -> FloatArray:
        """The thresholds (k,) float32."""
        return np.array([tag.threshold for tag in self.entries], np.float32)

    def index(self, name: str) -> int:
        """Column of a label. Raises ValueError for an unknown name."""
        return self.names.index(name)

    def columns(self, dimension: str) -> list[int]:
        """Columns of a dimension. Raises ValueError for an unknown one."""
        if dimension not in DIMENSIONS:
            raise ValueError(f"unknown dimension {dimension!r}; one of {', '.join(DIMENSIONS)}")
        return [column for column, tag in enumerate(self.entries) if tag.dimension == dimension]

    def heard(self, probabilities: FloatArray, dimension: str) -> list[tuple[Tag, float]]:
        """Labels of a dimension at or above their thresholds with their probabilities, the likeliest first.

        Args:
            probabilities: (k,) output `tags` of the model.
            dimension: one of `DIMENSIONS`.
        """
        if probabilities.shape != (len(self.entries),):
            raise ValueError(f"need {len(self.entries)} probabilities, got shape {probabilities.shape}")
        found = [(self.entries[column], float(probabilities[column])) for column in self.columns(dimension)]
        return sorted((pair for pair in found if pair[1] >= pair[0].threshold), key=lambda pair: -pair[1])


@lru_cache(maxsize=1)
def tags() -> Tags:
    """Read and check the labels; the same object at every call.

    Raises ValueError where the file breaks its own rules: an unknown dimension, a name twice, a threshold out of range.
    """
    text = resources.files("luce.server.music").joinpath("tags.toml").read_text(encoding="utf-8")
    entries = tuple(Tag(**raw) for raw in tomllib.loads(text)["tag"])
    for tag in entries:
        if tag.dimension not in DIMENSIONS or not tag.phrase or not 0 < tag.threshold < 1:
            raise ValueError(f"tags.toml: bad entry {tag}")
    if len({tag.name for tag in entries}) != len(entries):
        raise ValueError("tags.toml: a name stands twice")
    return Tags(entries)
