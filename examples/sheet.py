"""One page that shows songs, the emotion heard in them, and the pictures painted from them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from PIL import Image

import luce

matplotlib.use("Agg")

import matplotlib.pyplot as plt

COLOURS: Final = ("#e8a33d", "#c8443c", "#5b6fb5", "#4f9d69", "#8d5fa8", "#3f8fa8")
QUADRANTS: Final = (
    (0.96, 0.94, "right", "bright, excited"),
    (-0.96, 0.94, "left", "dark, excited"),
    (-0.96, -0.98, "left", "dark, calm"),
    (0.96, -0.98, "right", "bright, calm"),
)


def emotion_plane(axes: Any, songs: Sequence[tuple[str, luce.Painting]]) -> None:
    """Draws the path of each song through the valence-arousal plane, and its mean."""
    axes.axhline(0, color="#bbbbbb", lw=0.8)
    axes.axvline(0, color="#bbbbbb", lw=0.8)
    for x, y, side, name in QUADRANTS:
        axes.text(x, y, name, ha=side, va="top" if y > 0 else "bottom", color="#999999", fontsize=8)
    for (title, painting), colour in zip(songs, COLOURS, strict=False):
        if painting.music is None:
            continue
        path = np.array([(point.emotion.valence, point.emotion.arousal) for point in painting.music.curve])
        if len(path):
            axes.plot(path[:, 0], path[:, 1], color=colour, lw=0.8, alpha=0.5)
        whole = painting.music.emotion
        axes.plot(whole.valence, whole.arousal, "o", color=colour, ms=8, label=title)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="valence", ylabel="arousal")
    axes.set_aspect("equal")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize=8)
    for spine in axes.spines.values():
        spine.set_color("#dddddd")


def draw(songs: Sequence[tuple[str, luce.Painting]], path: Path) -> None:
    """Writes the page, PNG, one column a song beside the emotion plane.

    Args:
        songs: Title and painting of each, at most six.
        path: Where to write.
    """
    figure = plt.figure(figsize=(3.6 + 2.7 * len(songs), 3.9), dpi=110, facecolor="white")
    grid = figure.add_gridspec(1, len(songs) + 1, width_ratios=[1.25] + [1.0] * len(songs), wspace=0.12)
    emotion_plane(figure.add_subplot(grid[0, 0]), songs)
    for place, ((title, painting), colour) in enumerate(zip(songs, COLOURS, strict=False)):
        axes = figure.add_subplot(grid[0, place + 1])
        axes.imshow(Image.open(io.BytesIO(painting.images[0].data)), interpolation="lanczos")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=9, color=colour)
        axes.set_xlabel(textwrap.fill(painting.prompts[0], 42), fontsize=7, color="#555555")
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)
