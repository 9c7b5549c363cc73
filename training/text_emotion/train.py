"""Train the text emotion model and write ``model_repository/text_emotion``.

Run ``python -m training.text_emotion.train --data FOLDER``, where FOLDER holds ``emobank`` and ``fb_valence_arousal``.
The texts are encoded once (a few minutes) and kept in ``training/cache/text_emotion``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from sklearn.metrics import silhouette_score

from training.components import FloatArray, calibration
from training.evaluate.regression import regression_metrics
from training.text_emotion.dataset import Texts, load_texts
from training.text_emotion.network import AXES, Recipe, Rows, build, fit, stretch_of

_ROOT = Path(__file__).resolve().parents[2]
#: A quadrant is clear where both axes are at least this far from the middle of the test sentences, standard deviations.
_CLEAR = 0.5


def rows_of(texts: Texts) -> FloatArray:
    """What the model reads, (N, 1152): the sentence, and the highest and lowest of its token states."""
    return np.concatenate([texts.sentence, texts.highest, texts.lowest], 1)


def score(truth: FloatArray, guess: FloatArray) -> dict[str, dict[str, float]]:
    """Metrics of every axis that is known."""
    known = [axis for axis in range(truth.shape[1]) if not np.isnan(truth[:, axis]).any()]
    return {AXES[axis]: regression_metrics(truth[:, axis], guess[:, axis]).rounded() for axis in known}


def quadrants(truth: FloatArray) -> npt.NDArray[np.int64]:
    """The quadrant (N,) of valence and arousal, 0..3, around the middle of the sentences; -1 where it is not clear."""
    standard = (truth[:, :2] - truth[:, :2].mean(0)) / truth[:, :2].std(0)
    side = (standard > 0).astype(np.int64)
    return np.where((np.abs(standard) > _CLEAR).all(1), 2 * side[:, 0] + side[:, 1], -1)


def separation(texts: Texts, guess: FloatArray) -> dict[str, float]:
    """How far the clear quadrants of sentences lie apart: silhouette (Rousseeuw 1987) of answers and of embeddings."""
    kind = quadrants(texts.target)
    clear = kind >= 0
    told = quadrants(guess)
    return {
        "sentences": int(clear.sum()),
        "silhouette_of_answers": round(float(silhouette_score(guess[clear, :2], kind[clear])), 3),
        "silhouette_of_embeddings": round(float(silhouette_score(texts.sentence[clear], kind[clear])), 3),
        "quadrant_accuracy": round(float((told[clear & (told >= 0)] == kind[clear & (told >= 0)]).mean()), 3),
    }


def main() -> None:
    """Train on EmoBank's train part, calibrate on its dev part, export, evaluate on its test part."""
    parser = argparse.ArgumentParser(description="Train text_emotion.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the sources that dataset.py names")
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "text_emotion")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    texts = load_texts(options.data, threads=options.threads)
    rows = {name: Rows(rows_of(found), found.target) for name, found in texts.items()}
    head = fit(rows["emobank_train"], Recipe())
    dev, test = texts["emobank_dev"], texts["emobank_test"]
    guess, spread = head.predict(rows_of(dev))
    stretch = stretch_of(dev.target, guess)
    middle = head.scaling.middle
    factor = calibration(dev.target, middle + stretch * (guess - middle), spread)
    path = options.output / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build(head, stretch, factor).SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def ask(found: Texts) -> tuple[FloatArray, FloatArray]:
        # The pooled states stand for the states that they were pooled from: the graph pools them to themselves.
        states = np.stack([found.highest, found.lowest], 1)
        told = session.run(["emotion", "uncertainty"], {"sent_emb": found.sentence, "token_states": states})
        return told[0], told[1]

    guess, spread = ask(test)
    inside = np.abs(guess - test.target) < spread
    metrics = {
        "emobank_test": score(test.target, guess),
        "emobank_dev": score(dev.target, ask(dev)[0]),
        "facebook_never_trained_on": score(texts["facebook"].target, ask(texts["facebook"])[0]),
        "quadrants": separation(test, guess),
        "within_one_sigma": [round(float(value), 3) for value in inside.mean(0)],
        "mean_uncertainty": [round(float(value), 3) for value in spread.mean(0)],
        "stretch": [round(float(value), 3) for value in stretch],
        "calibration": [round(float(value), 3) for value in factor],
        "texts": {name: len(found.sentence) for name, found in texts.items()},
    }
    text = json.dumps(metrics, indent=2)
    (options.output / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
