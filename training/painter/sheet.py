"""Contact sheets, to look at: `python -m training.painter.sheet out.png --vary scene`."""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from luce.server.vocabulary import Attributes, harmonize, vocabulary
from training.painter.paint import paint
from training.painter.sampling import sample_attributes


def tile(pictures: list[npt.NDArray[np.uint8]], columns: int) -> Image.Image:
    """Pictures of one size in rows, two pixels apart."""
    side = pictures[0].shape[0]
    rows = (len(pictures) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * (side + 2), rows * (side + 2)))
    for index, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), ((index % columns) * (side + 2), (index // columns) * (side + 2)))
    return sheet


def main() -> None:
    """Draw a sheet of random wishes, or of every entry of one kind with the rest held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--vary", choices=["scene", "subject", "time", "weather", "light", "style", "palette", "motion", "composition"]
    )
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    if arguments.vary is None:
        wishes = [sample_attributes(rng) for _ in range(arguments.count)]
    else:
        base = Attributes(scene="lake", time="sunset", weather="cloudy", composition="wide", valence=0.2)
        names = list(vocabulary().entries(arguments.vary))
        choices: list[dict[str, Any]] = [{arguments.vary: name} for name in names for _ in range(2)]
        wishes = [harmonize(replace(base, **choice)) for choice in choices]
    tile([paint(wish, arguments.seed + i, arguments.size) for i, wish in enumerate(wishes)], 8).save(arguments.out)


if __name__ == "__main__":
    main()
