"""Texts whose emotion people judged, as the served text encoder sees them.

FOLDER holds ``emobank`` (Buechel & Hahn 2017; valence, arousal, dominance of English sentences, with a split) and
``fb_valence_arousal`` (Preotiuc-Pietro et al. 2016; posts, rated by two). Nothing of them is in this repository.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from luce.emotion import from_scale
from luce.server.inference.text_embedder import TextEmbedderSettings, bucket, open_tokenizer

ENCODER = Path("model_repository/text_encoder/1/model.onnx")
CACHE = Path(__file__).resolve().parents[2] / "training" / "cache" / "text_emotion"


@dataclass(frozen=True)
class Texts:
    """N texts of one source and part.

    Attributes:
        sentence: float32 (N, 384), sentence embeddings.
        highest: float32 (N, 384), largest value of each dimension over the token states, never below 0.
        lowest: float32 (N, 384), smallest value likewise, never above 0.
        target: float32 (N, 3) valence, arousal, dominance in [-1, 1], NaN where unknown.
    """

    sentence: npt.NDArray[np.float32]
    highest: npt.NDArray[np.float32]
    lowest: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]


def emobank(data: Path) -> dict[str, tuple[list[str], npt.NDArray[np.float32]]]:
    """Sentences of each part (train, dev, test) with valence, arousal and dominance."""
    parts: dict[str, tuple[list[str], list[list[float]]]] = {}
    with (data / "emobank" / "emobank.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            texts, targets = parts.setdefault(row["split"], ([], []))
            texts.append(row["text"])
            targets.append([from_scale(float(row[axis]), "emobank") for axis in "VAD"])
    return {part: (texts, np.array(targets, np.float32)) for part, (texts, targets) in parts.items()}


def facebook(data: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Posts with the mean of two raters' valence and arousal (1..9); nobody rated dominance."""
    texts, targets = [], []
    path = data / "fb_valence_arousal" / "dataset-fb-valence-arousal-anon.csv"
    with path.open(encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            texts.append(row["Anonymized Message"])
            means = [(float(row[f"{axis}1"]) + float(row[f"{axis}2"])) / 2 for axis in ("Valence", "Arousal")]
            targets.append([(mean - 5) / 4 for mean in means] + [np.nan])
    return texts, np.array(targets, np.float32)


class Encoder:
    """The served text encoder in this process, padding as serving does."""

    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(ENCODER), options, ["CPUExecutionProvider"])
        self._tokenizer = open_tokenizer(TextEmbedderSettings())

    def __call__(self, texts: Sequence[str], batch: int = 32) -> tuple[npt.NDArray[np.float32], ...]:
        """Sentence embeddings, and highest and lowest token states, each (N, 384)."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        result = tuple(np.empty((len(ids), 384), np.float32) for _ in range(3))
        start = 0
        while start < len(order):
            length = bucket(len(ids[order[start]]))
            rows = [row for row in order[start : start + batch] if len(ids[row]) <= length]
            feeds = {name: np.zeros((len(rows), length), np.int64) for name in ("input_ids", "attention_mask")}
            for place, row in enumerate(rows):
                feeds["input_ids"][place, : len(ids[row])] = ids[row]
                feeds["attention_mask"][place, : len(ids[row])] = 1
            sentence, tokens = self._session.run(["sent_emb", "token_states"], feeds)
            for target, values in zip(
                result, (sentence, tokens.max(1).clip(min=0), tokens.min(1).clip(max=0)), strict=True
            ):
                target[rows] = values
            start += len(rows)
        return result


def load_texts(data: Path, cache: Path = CACHE, threads: int = 1) -> dict[str, Texts]:
    """Every source and part, read once and kept: emobank_train, emobank_dev, emobank_test, facebook."""
    sources = {f"emobank_{part}": found for part, found in emobank(data).items()}
    sources["facebook"] = facebook(data)
    cache.mkdir(parents=True, exist_ok=True)
    result, encoder = {}, Encoder(threads)
    for name, (texts, target) in sources.items():
        path = cache / f"{name}.npy"
        if not path.exists():
            encoded = np.stack(encoder(texts)).astype(np.float16)
            whole = path.with_suffix(".part.npy")
            np.save(whole, encoded)
            whole.rename(path)
        sentence, highest, lowest = np.load(path).astype(np.float32)
        result[name] = Texts(sentence, highest, lowest, target)
    return result
