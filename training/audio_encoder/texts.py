"""Captions of clips as vectors of the served text encoder: where the encoder's embedding of a clip should lie."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from training.audio_encoder.clips import Clips
from training.music_captioner.compose import Claims, claims, compose

ROOT = Path(__file__).resolve().parents[2]
#: Topics and lengths of the captions that stand for a clip.
FORMS = (("whole", 18), ("whole", 40))
_BATCH = 32


class TextEncoder:
    """The served text encoder without a server."""

    def __init__(self, repository: Path = ROOT / "model_repository", threads: int = 1) -> None:
        folder = repository / "text_encoder" / "1"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(128)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def __call__(self, texts: list[str]) -> FloatArray:
        """Vectors (N, 384) of length 1; equal texts are encoded once."""
        unique = sorted(set(texts), key=lambda text: (len(text), text))
        found: dict[str, FloatArray] = {}
        for start in range(0, len(unique), _BATCH):
            part = unique[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch(part)
            feeds = {
                "input_ids": np.array([item.ids for item in encoded], np.int64),
                "attention_mask": np.array([item.attention_mask for item in encoded], np.int64),
            }
            found.update(zip(part, self._session.run(["sent_emb"], feeds)[0], strict=True))
        return np.stack([found[text] for text in texts])


def known_claims(clips: Clips) -> list[Claims]:
    """What is known of each clip; a recording may have more instruments than the teacher names."""
    names = tags().names
    result = []
    for row, source in zip(clips.labels, clips.source, strict=True):
        recorded = str(source).startswith("emotify/")
        values = dict(zip(names, row.astype(float), strict=True))
        result.append(claims(values, complete=not recorded))
    return result


def captions(clips: Clips, seed: int) -> list[list[str]]:
    """Texts of each clip, in the order of `FORMS`."""
    pick = random.Random(seed)
    return [[compose(known, topic, words, pick) for topic, words in FORMS] for known in known_claims(clips)]


def vectors(clips: Clips, cache: Path) -> FloatArray:
    """Vectors (N, 2, 384) float16 of the clips' captions, kept in a file."""
    if cache.is_file():
        stored: FloatArray = np.load(cache)
        if len(stored) == len(clips):
            return stored
    texts = captions(clips, seed=0)
    found = TextEncoder()([text for row in texts for text in row])
    result: FloatArray = found.reshape(len(clips), len(FORMS), -1).astype(np.float16)
    np.save(cache, result)
    return result
