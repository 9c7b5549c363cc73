"""The pictures that the image models learn from and are judged by, each with the words it is known by.

FOLDER holds ``flickr8k_1000`` (Hodosh et al. 2013), ``intel_scenes``, ``weather4`` (Ajayi 2018), ``louvre_paintings``
and ``oasis`` (Kurdi, Lozano & Banaji 2017). The painter's pictures are drawn here. Nothing of them is in
this repository.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from luce.server.media import image
from luce.server.vision import prepare
from luce.server.vocabulary import Attributes
from training.image_generator.data import wish_of
from training.painter import paint

HELD_OUT = 0.2
"""Share of the pictures of a source without a split of its own that is never trained on."""
_INTEL = {
    "buildings": ("buildings", "a city with tall buildings"),
    "forest": ("a forest", "trees in a forest"),
    "glacier": ("a glacier", "ice and snow"),
    "mountain": ("a mountain", "a mountain landscape"),
    "sea": ("the sea", "waves of the ocean"),
    "street": ("a street", "a street in a town"),
}
_WEATHER = {
    "cloudy": ("a cloudy sky", "clouds"),
    "rain": ("rain", "a rainy day"),
    "shine": ("sunshine", "a bright sunny sky"),
    "sunrise": ("a sunrise", "the sun at the horizon"),
}
_GENRES = {
    "Portrait": ("a portrait painting", "an old painting of a person"),
    "Landscape": ("a landscape painting", "an old painting of nature"),
    "Naturmort": ("a still life painting", "an old painting of fruit and flowers"),
    "Genre": ("a genre painting", "an old painting of people in a scene"),
}
CLASSES = {"intel_scenes": _INTEL, "weather4": _WEATHER, "louvre_paintings": _GENRES}
"""Words of each class of the sources that have classes; the first is its name."""


@dataclass(frozen=True)
class Known:
    """One picture and what is known of it.

    Attributes:
        name: Of the picture within its source.
        held_out: Whether it is never trained on.
        texts: What it shows, in words; one or more.
        label: Its class, "" where there are none.
        emotion: Valence and arousal in [-1, 1]; None where nobody rated it.
        open: Reads the pixels, uint8 (224, 224, 3).
    """

    name: str
    held_out: bool
    texts: tuple[str, ...]
    label: str
    emotion: tuple[float, float] | None
    open: Callable[[], npt.NDArray[np.uint8]]


def fraction(name: str) -> float:
    """A number in [0, 1) that is the picture's own, on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def _file(path: Path) -> Callable[[], npt.NDArray[np.uint8]]:
    def read() -> npt.NDArray[np.uint8]:
        data = path.read_bytes()
        if data.startswith(b"GIF8"):
            # Two pictures of weather4 are GIFs by another name, which the platform does not read.
            with Image.open(io.BytesIO(data)) as opened:
                return prepare(np.asarray(opened.convert("RGB")))
        return prepare(image.decode(data))

    return read


def flickr8k(data: Path) -> Iterator[Known]:
    """Photographs with five captions each."""
    folder = data / "flickr8k_1000"
    captions: dict[str, list[str]] = {}
    with (folder / "captions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            captions.setdefault(row["image"], []).append(row["caption"].removesuffix(" ."))
    for name, texts in sorted(captions.items()):
        held_out = fraction(f"flickr8k/{name}") < HELD_OUT
        yield Known(name, held_out, tuple(texts), "", None, _file(folder / "images" / name))


def intel_scenes(data: Path, most: int = 150) -> Iterator[Known]:
    """Photographs of six kinds of scenes, with their own split; at most so many of a class and part."""
    for part in ("train", "test"):
        for folder in sorted((data / "intel_scenes" / part).iterdir()):
            files = sorted(folder.glob("*.jpg"), key=lambda path: fraction(path.name))[:most]
            for path in files:
                words = _INTEL[folder.name]
                yield Known(f"{part}/{folder.name}/{path.name}", part == "test", words, folder.name, None, _file(path))


def weather4(data: Path) -> Iterator[Known]:
    """Photographs of four kinds of weather; the same bytes are on one side of the split only."""
    for path in sorted((data / "weather4").glob("*.jpg")):
        label = path.stem.rstrip("0123456789")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        yield Known(path.name, fraction(digest) < HELD_OUT, _WEATHER[label], label, None, _file(path))


def louvre_paintings(data: Path, most: int = 100) -> Iterator[Known]:
    """Paintings of four genres, with their own split; at most so many of a genre and part."""
    for folder in sorted((data / "louvre_paintings" / "painting_image_data").glob("*/*")):
        part, genre = folder.parts[-2:]
        for path in sorted(folder.glob("*.jpg"))[:most]:
            yield Known(f"{part}/{genre}/{path.name}", part != "train", _GENRES[genre], genre, None, _file(path))


def oasis(data: Path) -> Iterator[Known]:
    """Photographs that about a hundred people each rated; the 1..7 of their scale become -1..1."""
    folder = data / "oasis"
    # The file ends its lines as old Macintoshes did.
    text = (folder / "oasis.csv").read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n")
    for row in csv.DictReader(text.splitlines()):
        path = folder / row["file"]
        theme = row["Theme"].strip()
        emotion = (float(row["Valence_mean"]) - 4) / 3, (float(row["Arousal_mean"]) - 4) / 3
        words = (theme.rstrip("0123456789 ").lower(),)
        yield Known(theme, fraction(f"oasis/{theme}") < HELD_OUT, words, words[0], emotion, _file(path))


def painter(_data: Path, count: int = 600) -> Iterator[Known]:
    """Pictures of our own painter, as coarse as the picture model's, with the emotion that they were asked to show."""
    for seed in range(count):
        wish, caption = wish_of(seed)

        def draw(wish: Attributes = wish, seed: int = seed) -> npt.NDArray[np.uint8]:
            return prepare(paint(wish, seed, 64))

        held_out = fraction(f"painter/{seed}") < HELD_OUT
        yield Known(str(seed), held_out, (caption,), wish.scene, (wish.valence, wish.arousal), draw)


SOURCES: dict[str, Callable[[Path], Iterator[Known]]] = {
    "oasis": oasis,
    "flickr8k": flickr8k,
    "weather4": weather4,
    "intel_scenes": intel_scenes,
    "louvre_paintings": louvre_paintings,
    "painter": painter,
}
