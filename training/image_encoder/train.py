"""Train the image encoder's map and write ``model_repository/image_encoder``.

First ``python -m training.image_encoder.extract``, then ``python -m training.image_encoder.train``: about a minute.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch

from training.components import Basis, basis_of
from training.image_encoder.extract import CACHE, GRAPH, Pictures, load_pictures
from training.image_encoder.graph import build
from training.image_encoder.network import (
    SPACE,
    FloatArray,
    Pairs,
    Recipe,
    least_squares,
    named,
    retrieval,
    sharpen,
    unit,
    with_constant,
)
from training.image_encoder.pictures import CLASSES, SOURCES
from training.text_emotion.dataset import Encoder

_ROOT = Path(__file__).resolve().parents[2]
NAMES = _ROOT / "luce" / "server" / "vision" / "objects.txt"
_PROMPT = "a photo of {}"
#: How much the names of the classes count before anything is trained.
_START = 0.5
#: Of each source: the weight of a picture in the least squares, and its pictures in a batch of the contrast.
_PARTS = {
    "flickr8k": (1.0, 256),
    "oasis": (0.5, 128),
    "painter": (0.25, 96),
    "intel_scenes": (0.25, 48),
    "weather4": (0.25, 32),
    "louvre_paintings": (0.25, 32),
}


def class_names(encoder: Encoder) -> FloatArray:
    """The embedded names of ImageNet's classes less their mean, (1000, 384)."""
    names = NAMES.read_text(encoding="utf-8").splitlines()
    vectors = encoder([_PROMPT.format(name) for name in names])[0]
    result: FloatArray = vectors - vectors.mean(0)
    return result


class Inputs:
    """What the map reads of pictures: components of the features, and the direction of the classes' names."""

    def __init__(self, basis: Basis, names: FloatArray) -> None:
        self.basis, self.names = basis, names

    def __call__(self, features: FloatArray, logits: FloatArray) -> FloatArray:
        """(N, components + 384)."""
        return np.concatenate([self.basis(features), unit(named(logits, self.names))], 1)


def pairs_of(source: str, pictures: Pictures, inputs: Inputs, words: FloatArray) -> Pairs:
    """The training pictures of a source with their words (N, T, 384), the mirrored ones among them."""
    chosen = ~pictures.held_out
    rows, texts = inputs(pictures.features[chosen], pictures.logits[chosen]), words[chosen]
    _, groups = np.unique(["\n".join(texts) for texts in pictures.texts], return_inverse=True)
    groups = groups[chosen]
    if len(pictures.mirrored):
        # The classes of a picture do not change in a mirror, not enough to read them again.
        rows = np.concatenate([rows, inputs(pictures.mirrored[chosen], pictures.logits[chosen])])
        texts, groups = np.concatenate([texts, texts]), np.concatenate([groups, groups])
    weight, share = _PARTS[source]
    return Pairs(rows, weight, texts, share, groups)


def train(parts: dict[str, Pairs], recipe: Recipe) -> FloatArray:
    """The map (components + 384 + 1, 384)."""
    start = np.zeros((recipe.components + SPACE + 1, SPACE), np.float32)
    start[recipe.components : -1] = _START * np.eye(SPACE)
    rows = np.concatenate([part.rows for part in parts.values()])
    words = np.concatenate([part.words.mean(1) for part in parts.values()])
    weights = np.concatenate([np.full(len(part.rows), part.weight, np.float32) for part in parts.values()])
    return sharpen(least_squares(rows, words, weights, recipe.ridge, start), list(parts.values()), recipe)


def evaluate(
    weight: FloatArray, pictures: dict[str, Pictures], inputs: Inputs, words: dict[str, FloatArray], encoder: Encoder
) -> dict[str, object]:
    """Retrieval and classification of held-out pictures."""
    result: dict[str, object] = {}
    for source, found in pictures.items():
        chosen = found.held_out
        seen = unit(with_constant(inputs(found.features[chosen], found.logits[chosen])) @ weight)
        if source in CLASSES:
            labels = list(CLASSES[source])
            told = encoder([_PROMPT.format(CLASSES[source][label][0]) for label in labels])[0]
            guess = np.array(labels)[(seen @ told.T).argmax(1)]
            right = round(float((guess == found.labels[chosen]).mean()), 3)
            result[source] = {"pictures": int(chosen.sum()), "accuracy": right, "chance": round(1 / len(labels), 3)}
        elif source in ("flickr8k", "painter"):
            texts = words[source][chosen]
            owners = np.repeat(np.arange(len(texts)), texts.shape[1])
            result[source] = {
                "pictures": len(texts),
                "texts": len(owners),
                **retrieval(seen, texts.reshape(-1, SPACE), owners),
            }
    return result


def main() -> None:
    """Train, evaluate with and without the words of the classes, export."""
    parser = argparse.ArgumentParser(description="Train image_encoder.")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "image_encoder")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe, encoder = Recipe(), Encoder(options.threads)
    pictures = {source: load_pictures(source, options.cache) for source in SOURCES}
    words = {}
    for source, found in pictures.items():
        texts = [text for texts in found.texts for text in texts]
        unique, places = np.unique(texts, return_inverse=True)
        words[source] = encoder(unique.tolist())[0][places].reshape(len(found.names), -1, SPACE)
    learnt = np.concatenate([found.features[~found.held_out] for found in pictures.values()])
    inputs = Inputs(basis_of(learnt, recipe.components), class_names(encoder))
    parts = {source: pairs_of(source, found, inputs, words[source]) for source, found in pictures.items()}
    unnamed = {source: part for source, part in parts.items() if source not in CLASSES}
    without = evaluate(train(unnamed, recipe), pictures, inputs, words, encoder)
    weight = train(parts, recipe)
    metrics = {
        "held_out": evaluate(weight, pictures, inputs, words, encoder),
        "zero_shot": {source: without[source] for source in CLASSES},
        "trained_on": {source: len(part.rows) for source, part in parts.items()},
    }
    model = build(onnx.load(options.cache / GRAPH), inputs.basis, inputs.names, weight)
    path = options.output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    text = json.dumps(metrics, indent=2)
    (options.output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
