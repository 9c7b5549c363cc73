"""Captions to what the denoiser is conditioned on, by the very text encoder that serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

ENCODER = Path("model_repository/text_encoder/1")
MAX_TOKENS = 64
"""Longest prompt of the picture model, in word pieces; longer ones are cut."""


@dataclass(frozen=True)
class Encoded:
    """Captions as the model reads them, ragged.

    Attributes:
        states: float16 (sum of lengths, 384), the token states one caption after another.
        lengths: int32 (N,).
        pooled: float16 (N, 384), sentence embeddings of unit length.
    """

    states: npt.NDArray[np.float16]
    lengths: npt.NDArray[np.int32]
    pooled: npt.NDArray[np.float16]


class TextEncoder:
    """The served text encoder, in this process."""

    def __init__(self, folder: Path = ENCODER, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, ["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def __call__(self, captions: list[str], batch: int = 32) -> Encoded:
        """Encode captions, batched by length."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(captions)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        states: list[npt.NDArray[np.float16]] = [np.empty((0, 384), dtype=np.float16)] * len(ids)
        pooled = np.empty((len(ids), 384), dtype=np.float16)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            longest = max(len(ids[row]) for row in rows)
            input_ids = np.zeros((len(rows), longest), dtype=np.int64)
            for place, row in enumerate(rows):
                input_ids[place, : len(ids[row])] = ids[row]
            mask = np.array([[1] * len(ids[r]) + [0] * (longest - len(ids[r])) for r in rows], dtype=np.int64)
            feeds = {"input_ids": input_ids, "attention_mask": mask}
            vectors, tokens = self._session.run(["sent_emb", "token_states"], feeds)
            for place, row in enumerate(rows):
                states[row] = tokens[place, : len(ids[row])].astype(np.float16)
                pooled[row] = vectors[place]
        lengths = np.array([len(row) for row in ids], dtype=np.int32)
        return Encoded(np.concatenate(states), lengths, pooled)
