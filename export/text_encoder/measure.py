"""Figures for the model card: agreement with float32, and time per call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from export.text_encoder.graph import Array

#: Texts the quality is measured on, and the golden embeddings in the tests are of.
TEXTS_FILE = Path(__file__).with_name("texts.txt")


@dataclass(frozen=True)
class Agreement:
    """How near a set of embeddings is to the reference: cosines, and the largest error of a pair's similarity."""

    cosine_mean: float
    cosine_min: float
    pair_error: float


def session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a graph on the CPU with ``threads`` threads that sleep while idle."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def texts() -> list[str]:
    """One text a line, from short labels to long descriptions."""
    return TEXTS_FILE.read_text(encoding="utf-8").splitlines()


def encode(model: onnxruntime.InferenceSession, tokenizer: Tokenizer, rows: list[str]) -> Array:
    """Embed each text alone: (N, 384) float32."""
    results = []
    for row in rows:
        encoded = tokenizer.encode_batch([row])[0]
        feeds = {"input_ids": np.array([encoded.ids]), "attention_mask": np.array([encoded.attention_mask])}
        results.append(model.run(["sent_emb"], feeds)[0][0])
    return np.stack(results)


def agreement(embeddings: Array, reference: Array) -> Agreement:
    """Compare unit-length rows (N, 384) with the reference's."""
    cosines = (embeddings * reference).sum(axis=1)
    pairs = np.abs(embeddings @ embeddings.T - reference @ reference.T)
    return Agreement(float(cosines.mean()), float(cosines.min()), float(pairs.max()))


def milliseconds(model: onnxruntime.InferenceSession, batch: int, tokens: int = 16, repeats: int = 20) -> float:
    """Median wall time of one call on ``batch`` rows of ``tokens`` tokens."""
    feeds = {"input_ids": np.full((batch, tokens), 2000), "attention_mask": np.ones((batch, tokens), np.int64)}
    model.run(None, feeds)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.run(None, feeds)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))
