"""Train the music emotion model and write ``model_repository/music_emotion``.

Run ``python -m training.music_emotion.train --data FOLDER``, where FOLDER holds ``vgmidi``, ``emotify`` and ``emopia``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
import scipy.stats
import torch

from luce.server.music.spectra import FloatArray
from training.evaluate.regression import regression_metrics
from training.music_emotion import dataset, graph
from training.music_emotion.dataset import Dataset
from training.music_emotion.labels import fraction
from training.music_emotion.network import Recipe, fit

_ROOT = Path(__file__).resolve().parents[2]
_FOLDS = 5


def by_piece(rows: Dataset, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means over each piece's windows of the truth and of the predictions, each (P, 2)."""
    pieces = np.unique(rows.piece)
    return (
        np.stack([rows.emotion[rows.piece == piece].mean(axis=0) for piece in pieces]),
        np.stack([predicted[rows.piece == piece].mean(axis=0) for piece in pieces]),
    )


def score(rows: Dataset, predicted: FloatArray, level: str) -> dict[str, dict[str, float]]:
    """Metrics of valence and arousal by "window" or by "piece"."""
    truth, guess = by_piece(rows, predicted) if level == "piece" else (rows.emotion, predicted)
    return {
        name: regression_metrics(truth[:, axis], guess[:, axis]).rounded()
        for axis, name in enumerate(("valence", "arousal"))
    }


def cross_validate(sources: dict[str, Dataset], recipe: Recipe) -> tuple[dict[str, object], float]:
    """Metrics over folds by piece of the given rows, and the calibration factor of the standard deviation."""
    folds = {
        name: np.array([int(_FOLDS * fraction(f"{name}/{piece}", "fold")) for piece in rows.piece])
        for name, rows in sources.items()
    }
    guesses = {name: np.zeros_like(rows.emotion) for name, rows in sources.items()}
    ratios: list[FloatArray] = []
    for fold in range(_FOLDS):
        model = fit({name: rows.select(folds[name] != fold) for name, rows in sources.items()}, recipe)
        for name, rows in sources.items():
            inside = folds[name] == fold
            guesses[name][inside], spread = model.predict(rows.descriptors[inside])
            if name != "non_music":
                ratios.append(np.square((guesses[name][inside] - rows.emotion[inside]) / spread).ravel())
    # The middle of the squared standardised errors, which a few wild pieces do not move, against a normal's.
    factor = float(np.sqrt(np.median(np.concatenate(ratios)) / scipy.stats.chi2(1).ppf(0.5)))
    result: dict[str, object] = {}
    for name in ("vgmidi", "emotify"):
        rows = sources[name]
        plain = rows.version == 0
        result[name] = score(rows.select(plain), guesses[name][plain], "piece")
    return result, factor


def evaluate(session: onnxruntime.InferenceSession, sources: dict[str, Dataset]) -> dict[str, object]:
    """Metrics of the exported graph on the held-out pieces, and on EMOPIA, which it never saw."""
    result: dict[str, object] = {}
    for name in ("vgmidi", "emotify"):
        rows = sources[name].select(sources[name].held_out)
        predicted, spread = session.run(["emotion", "uncertainty"], {"descriptors": rows.descriptors})
        plain = rows.version == 0
        error = np.abs(predicted - rows.emotion)[plain] / spread[plain]
        result[name] = {
            "pieces": int(np.unique(rows.piece).size),
            "piece": score(rows.select(plain), predicted[plain], "piece"),
            "window": score(rows.select(plain), predicted[plain], "window"),
            "piece_altered": score(rows.select(~plain), predicted[~plain], "piece"),
            "within_one_sigma": round(float((error < 1).mean()), 3),
            "within_two_sigma": round(float((error < 2).mean()), 3),
            "mean_uncertainty": [round(float(value), 3) for value in spread[plain].mean(axis=0)],
        }
    rows = sources["non_music"].select(sources["non_music"].held_out)
    predicted, spread = session.run(["emotion", "uncertainty"], {"descriptors": rows.descriptors})
    result["non_music"] = {
        "sounds": int(np.unique(rows.piece).size),
        "mean_distance_from_neutral": round(float(np.abs(predicted).mean()), 3),
        "mean_uncertainty": round(float(spread.mean()), 3),
    }
    clips = sources["emopia"]
    predicted, _ = session.run(["emotion", "uncertainty"], {"descriptors": clips.descriptors})
    signs, guess = by_piece(clips, predicted)
    quadrants: dict[str, object] = {"clips": len(signs)}
    for axis, name in enumerate(("valence", "arousal")):
        high, low = guess[signs[:, axis] > 0, axis], guess[signs[:, axis] < 0, axis]
        rank = scipy.stats.mannwhitneyu(high, low).statistic / (len(high) * len(low))
        quadrants[f"{name}_auc"] = round(float(rank), 3)
    result["emopia"] = quadrants
    return result


def main() -> None:
    """Load or compute the descriptors, cross-validate, train, export, evaluate."""
    parser = argparse.ArgumentParser(description="Train the music emotion model.")
    parser.add_argument("--data", type=Path, required=True, help="folder with vgmidi, emotify and emopia")
    parser.add_argument("--cache", type=Path, default=_ROOT / "training" / "cache" / "music_emotion")
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "music_emotion")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe()
    sources = dataset.load(options.data, options.cache)
    training = {name: rows.select(~rows.held_out) for name, rows in sources.items() if name != "emopia"}
    folds, calibration = cross_validate(training, recipe)
    model = fit(training, recipe)
    music = [rows.descriptors for name, rows in training.items() if name != "non_music"]
    known = graph.familiarity(model, np.concatenate(music))
    path = options.output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.build(model, known, calibration).SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metrics = {
        "held_out": evaluate(session, sources),
        "cross_validation_of_training_pieces": folds,
        "calibration": round(calibration, 3),
        "windows": {name: len(rows.piece) for name, rows in training.items()},
    }
    text = json.dumps(metrics, indent=2)
    (options.output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
