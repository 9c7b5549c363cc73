"""Fit the image emotion model and write ``model_repository/image_emotion``.

First ``python -m training.image_encoder.extract``, then ``python -m training.image_emotion.train --data FOLDER``, where
FOLDER holds ``emobank`` (for dominance): seconds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from training.components import FloatArray, basis_of, calibration
from training.evaluate.regression import regression_metrics
from training.image_emotion.process import Process, Recipe, add_process, solve
from training.image_encoder.extract import CACHE, Pictures, load_pictures
from training.onnx_graph import GraphBuilder, tensor
from training.text_emotion.dataset import emobank

_ROOT = Path(__file__).resolve().parents[2]
_FOLDS = 5
#: What the painter was asked to show counts this much: a drawn mood is milder than a photographed one. The factor gives
#: its labels, even over the square, the spread of the photographs' ratings.
_PAINTED = 0.6


def fit(photographs: Pictures, painted: Pictures, rows: npt.NDArray[np.bool_], recipe: Recipe) -> Process:
    """The process over the photographs chosen (bool (N,)) and the painter's training pictures."""
    drawn = ~painted.held_out
    features = np.concatenate([photographs.features[rows], painted.features[drawn]])
    ratings = np.concatenate([photographs.emotion[rows], _PAINTED * painted.emotion[drawn]])
    noise = np.repeat(np.array([recipe.noise, recipe.weak_noise], np.float32), [int(rows.sum()), int(drawn.sum())])
    # An even number, as the graph multiplies in two halves.
    even = len(features) // 2 * 2
    basis = basis_of(features, recipe.components)
    return solve(basis, features[-even:], ratings[-even:], noise[-even:], recipe)


def score(truth: FloatArray, guess: FloatArray) -> dict[str, dict[str, float]]:
    """Metrics of valence and arousal."""
    axes = enumerate(("valence", "arousal"))
    return {name: regression_metrics(truth[:, axis], guess[:, axis]).rounded() for axis, name in axes}


def cross_validate(
    photographs: Pictures, painted: Pictures, groups: list[str], recipe: Recipe
) -> tuple[FloatArray, FloatArray]:
    """Predictions and spreads (N, 2) of every photograph by processes that saw none of its group."""
    order = {name: place for place, name in enumerate(np.random.default_rng(0).permutation(sorted(set(groups))))}
    folds = np.array([order[name] % _FOLDS for name in groups])
    guess, spread = np.zeros_like(photographs.emotion), np.zeros_like(photographs.emotion)
    for fold in range(_FOLDS):
        process = fit(photographs, painted, folds != fold, recipe)
        inside = folds == fold
        guess[inside], spread[inside] = process.predict(photographs.features[inside])
    return guess, spread


def dominance_of(data: Path) -> tuple[FloatArray, float]:
    """Dominance from valence and arousal as raters of sentences see it, [constant, valence, arousal], and its error.

    No picture here was rated for dominance, so this is a convention, not a measurement.
    """
    texts = emobank(data)
    ratings = np.concatenate([ratings for part, (_, ratings) in texts.items() if part != "test"])
    inputs = np.column_stack([np.ones(len(ratings)), ratings[:, :2]])
    slopes, *_ = np.linalg.lstsq(inputs, ratings[:, 2], rcond=None)
    return slopes.astype(np.float32), float((ratings[:, 2] - inputs @ slopes).std())


def build(process: Process, factor: FloatArray, slopes: FloatArray, error: float) -> onnx.ModelProto:
    """``features`` (B, F) to ``emotion`` and ``uncertainty`` (B, 3)."""
    graph = GraphBuilder()
    mean, spread = add_process(graph, "features", process, factor)
    valence, arousal = graph.columns(mean, 0, 1), graph.columns(mean, 1, 2)
    parts = [
        graph.op("Mul", part, graph.constant(slope)) for part, slope in zip((valence, arousal), slopes[1:], strict=True)
    ]
    third = graph.op("Add", graph.op("Add", *parts), graph.constant(slopes[0]))
    whole = graph.op("Concat", valence, arousal, third, axis=1)
    graph.op("Clip", whole, graph.constant(-1.0), graph.constant(1.0), name="emotion")
    squares = graph.op("Mul", spread, spread)
    moved = [
        graph.op("Mul", graph.columns(squares, axis, axis + 1), graph.constant(slopes[axis + 1] ** 2))
        for axis in (0, 1)
    ]
    total = graph.op("Add", graph.op("Add", *moved), graph.constant(error**2))
    graph.op("Concat", spread, graph.op("Sqrt", total), axis=1, name="uncertainty")
    outputs = [tensor("emotion", ["batch", 3]), tensor("uncertainty", ["batch", 3])]
    return graph.model("image_emotion", [tensor("features", ["batch", len(process.basis.mean)])], outputs)


def main() -> None:
    """Cross-validate, fit, export and evaluate."""
    parser = argparse.ArgumentParser(description="Fit image_emotion.")
    parser.add_argument("--data", type=Path, required=True, help="folder with emobank")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "image_emotion")
    options = parser.parse_args()
    recipe = Recipe()
    photographs, painted = load_pictures("oasis", options.cache), load_pictures("painter", options.cache)
    by_photograph = cross_validate(photographs, painted, photographs.names.tolist(), recipe)
    by_theme = cross_validate(photographs, painted, photographs.labels.tolist(), recipe)
    factor = calibration(photographs.emotion, *by_photograph)
    process = fit(photographs, painted, ~photographs.held_out, recipe)
    slopes, error = dominance_of(options.data)
    path = options.output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build(process, factor, slopes, error).SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def held_out(pictures: Pictures, factor: float) -> dict[str, object]:
        kept = pictures.held_out
        guess, spread = session.run(["emotion", "uncertainty"], {"features": pictures.features[kept]})
        truth = factor * pictures.emotion[kept]
        inside = np.abs(guess[:, :2] - truth) < spread[:, :2]
        return {
            **score(truth, guess[:, :2]),
            "within_one_sigma": [round(float(value), 3) for value in inside.mean(0)],
            "mean_uncertainty": [round(float(value), 3) for value in spread.mean(0)],
        }

    metrics = {
        "held_out_photographs": held_out(photographs, 1.0),
        "cross_validation_by_photograph": score(photographs.emotion, by_photograph[0]),
        "cross_validation_by_theme": score(photographs.emotion, by_theme[0]),
        "held_out_painted": held_out(painted, _PAINTED),
        "dominance": {"constant_valence_arousal": [round(float(v), 3) for v in slopes], "error": round(error, 3)},
        "photographs": len(photographs.names),
        "calibration": [round(float(value), 3) for value in factor],
    }
    text = json.dumps(metrics, indent=2)
    (options.output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
