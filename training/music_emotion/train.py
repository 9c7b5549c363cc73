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

from luce.server.music.emotion_input import MUSIC_EMOTION_NAMES
from luce.server.music.emotion_whole import emotion_of_whole
from luce.server.music.spectra import FloatArray
from training.evaluate.regression import regression_metrics
from training.music_emotion import dataset
from training.music_emotion.dataset import Dataset
from training.music_emotion.graph import Gate, build, familiarity
from training.music_emotion.labels import fraction
from training.music_emotion.network import NON_MUSIC, Recipe, fit
from training.music_emotion.render import SOUND_FONT

#: A window is silent up to the first loudness and fully heard from the second.
_SILENCE_LUFS = (-62.0, -54.0)
_ROOT = Path(__file__).resolve().parents[2]
_FOLDS = 5


def by_take(rows: Dataset, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The truth and the prediction of each whole take, each (P, 2)."""
    return rows.emotion[rows.whole], predicted[rows.whole]


def joined(rows: Dataset, predicted: FloatArray, spread: FloatArray) -> FloatArray:
    """Predictions (N, 2) with those of whole takes joined with their windows', as they are served."""
    result, start = predicted.copy(), 0
    for end in np.flatnonzero(rows.whole).tolist():
        if end > start:
            result[end] = emotion_of_whole(predicted[start : end + 1], spread[start : end + 1])
        start = end + 1
    return result


def score(rows: Dataset, predicted: FloatArray, level: str) -> dict[str, dict[str, float]]:
    """Metrics of valence and arousal by "window" or by "piece"."""
    chosen = rows.whole if level == "piece" else ~rows.whole
    truth, guess = rows.emotion[chosen], predicted[chosen]
    return {
        name: regression_metrics(truth[:, axis], guess[:, axis]).rounded()
        for axis, name in enumerate(("valence", "arousal"))
    }


def cross_validate(
    sources: dict[str, Dataset], recipe: Recipe, reported: tuple[str, ...]
) -> tuple[dict[str, object], float]:
    """Metrics over folds by piece of the given rows, and the calibration factor of the standard deviation."""
    folds = {
        name: np.array([int(_FOLDS * fraction(f"{_same_pieces(name)}/{piece}", "fold")) for piece in rows.piece])
        for name, rows in sources.items()
    }
    guesses = {name: np.zeros_like(rows.emotion) for name, rows in sources.items()}
    ratios: list[FloatArray] = []
    for fold in range(_FOLDS):
        model = fit({name: rows.select(folds[name] != fold) for name, rows in sources.items()}, recipe)
        for name, rows in sources.items():
            inside = folds[name] == fold
            guesses[name][inside], spread = model.predict(rows.descriptors[inside])
            if name != NON_MUSIC:
                ratios.append(np.square((guesses[name][inside] - rows.emotion[inside]) / spread).ravel())
    # The middle of the squared standardised errors, which a few wild pieces do not move, against a normal's.
    factor = float(np.sqrt(np.median(np.concatenate(ratios)) / scipy.stats.chi2(1).ppf(0.5)))
    result: dict[str, object] = {}
    for name in reported:
        rows = sources[name]
        plain = rows.version == 0
        result[name] = score(rows.select(plain), guesses[name][plain], "piece")
        if not plain.all():
            result[f"{name}_altered"] = score(rows.select(~plain), guesses[name][~plain], "piece")
    return result, factor


def _same_pieces(name: str) -> str:
    """Sources that hold the same pieces share their folds: the notes as written and as heard."""
    return name.partition("_")[0]


def evaluate(
    session: onnxruntime.InferenceSession, sources: dict[str, Dataset], names: tuple[str, ...]
) -> dict[str, object]:
    """Metrics of the exported graph on the held-out pieces of the sources named, and on EMOPIA, which it never saw."""
    result: dict[str, object] = {}
    for name in names:
        rows = sources[name].select(sources[name].held_out)
        predicted, spread = session.run(["emotion", "uncertainty"], {"descriptors": rows.descriptors})
        predicted = joined(rows, predicted, spread)
        plain = rows.version == 0
        windows = plain & ~rows.whole
        error = np.abs(predicted - rows.emotion)[windows] / spread[windows]
        found: dict[str, object] = {
            "pieces": int(np.unique(rows.piece).size),
            "piece": score(rows.select(plain), predicted[plain], "piece"),
            "window": score(rows.select(plain), predicted[plain], "window"),
            "within_one_sigma": round(float((error < 1).mean()), 3),
            "within_two_sigma": round(float((error < 2).mean()), 3),
            "mean_uncertainty": [round(float(value), 3) for value in spread[windows].mean(axis=0)],
        }
        if not plain.all():
            found["piece_altered"] = score(rows.select(~plain), predicted[~plain], "piece")
        result[name] = found
    rows = sources[NON_MUSIC].select(sources[NON_MUSIC].held_out)
    predicted, spread = session.run(["emotion", "uncertainty"], {"descriptors": rows.descriptors})
    result[NON_MUSIC] = {
        "sounds": int(np.unique(rows.piece).size),
        "mean_distance_from_neutral": round(float(np.abs(predicted).mean()), 3),
        "mean_uncertainty": round(float(spread.mean()), 3),
    }
    clips = sources["emopia"]
    predicted, spread = session.run(["emotion", "uncertainty"], {"descriptors": clips.descriptors})
    signs, guess = by_take(clips, joined(clips, predicted, spread))
    quadrants: dict[str, object] = {"clips": len(signs)}
    for axis, name in enumerate(("valence", "arousal")):
        high, low = guess[signs[:, axis] > 0, axis], guess[signs[:, axis] < 0, axis]
        rank = scipy.stats.mannwhitneyu(high, low).statistic / (len(high) * len(low))
        quadrants[f"{name}_auc"] = round(float(rank), 3)
    result["emopia"] = quadrants
    return result


def make(name: str, sources: dict[str, Dataset], recipe: Recipe, gate: Gate, output: Path) -> None:
    """Cross-validate, train, export and evaluate; write ``1/model.onnx`` and ``metrics.json``.

    Args:
        name: of the model.
        sources: rows by source; ``non_music`` and the check ``emopia`` among them.
        recipe: its shares name the sources trained on.
        gate: what counts as silent.
        output: folder of the model.
    """
    names = _music(recipe)
    training = {source: sources[source].select(~sources[source].held_out) for source in recipe.shares}
    folds, calibration = cross_validate(training, recipe, names)
    model = fit(training, recipe)
    known = familiarity(model, np.concatenate([training[source].descriptors for source in names]))
    path = output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build(name, model, known, gate, calibration).SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metrics = {
        "held_out": evaluate(session, sources, names),
        "cross_validation_of_training_pieces": folds,
        "calibration": round(calibration, 3),
        "rows": {source: len(rows.piece) for source, rows in training.items()},
    }
    text = json.dumps(metrics, indent=2)
    (output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def _music(recipe: Recipe) -> tuple[str, ...]:
    return tuple(source for source in recipe.shares if source != NON_MUSIC)


def measure(sources: dict[str, Dataset], recipe: Recipe, output: Path) -> None:
    """Measure the model that is there on the held-out pieces as the code describes them now; renew ``metrics.json``.

    Args:
        sources: rows by source.
        recipe: its shares name the sources trained on.
        output: folder of the model.
    """
    session = onnxruntime.InferenceSession(output / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    path = output / "metrics.json"
    metrics = json.loads(path.read_text("utf-8")) | {"held_out": evaluate(session, sources, _music(recipe))}
    text = json.dumps(metrics, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)


def options(name: str) -> argparse.Namespace:
    """The command line of a training."""
    parser = argparse.ArgumentParser(description=f"Train {name}.")
    parser.add_argument("--data", type=Path, required=True, help="folder with vgmidi, emotify and emopia")
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    parser.add_argument("--cache", type=Path, default=_ROOT / "training" / "cache" / "takes")
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / name)
    parser.add_argument("--measure", action="store_true", help="train nothing, measure the model that is there")
    parser.add_argument("--threads", type=int, default=1)
    found = parser.parse_args()
    torch.set_num_threads(found.threads)
    return found


def main() -> None:
    """Describe the takes and train."""
    given = options("music_emotion")
    sources = dataset.load(given.data, given.cache, [SOUND_FONT, *given.font], dataset.signal_and_notes)
    if given.measure:
        measure(sources, Recipe(), given.output)
        return
    gate = Gate(MUSIC_EMOTION_NAMES.index("loudness"), *_SILENCE_LUFS)
    make("music_emotion", sources, Recipe(), gate, given.output)


if __name__ == "__main__":
    main()
