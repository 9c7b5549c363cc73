"""Embed the triples as E_v, E_r and E_m, by the very text encoder that serves.

Run ``python -m training.chain_of_thought.embed`` after ``build``; it writes ``vectors_*.npz`` beside the
triples, and goes on where it was stopped. Delete them after any change to the triples.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from training.chain_of_thought.build import CACHE

ENCODER = Path("model_repository/text_encoder/1")
MAX_TOKENS = 256
"""As much as the text encoder was trained to read; rationales have about half of it."""
WIDTH = 384
SHARD = 250
"""Triples in one file."""


class Sentences:
    """The served text encoder in this process, for whole texts.

    Args:
        folder: graph and tokenizer.
        threads: threads inside one operator.
    """

    def __init__(self, folder: Path = ENCODER, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, ["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def __call__(self, texts: Sequence[str], batch: int = 32) -> npt.NDArray[np.float32]:
        """Vectors (N, 384) of length 1; equal texts are embedded once."""
        distinct = list(dict.fromkeys(texts))
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(distinct)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found = np.empty((len(ids), WIDTH), dtype=np.float32)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            longest = max(len(ids[row]) for row in rows)
            input_ids = np.zeros((len(rows), longest), dtype=np.int64)
            mask = np.zeros_like(input_ids)
            for place, row in enumerate(rows):
                input_ids[place, : len(ids[row])] = ids[row]
                mask[place, : len(ids[row])] = 1
            feeds = {"input_ids": input_ids, "attention_mask": mask}
            found[rows] = self._session.run(["sent_emb"], feeds)[0]
        places = {text: place for place, text in enumerate(distinct)}
        return found[[places[text] for text in texts]]


@dataclass(frozen=True)
class Triples:
    """Embedded triples.

    Attributes:
        visual: float32 (N, 384), of the description: E_v.
        rationale: float32 (N, 384), of the reasoning: E_r.
        music: float32 (N, 384), of the music description: E_m.
        emotion: float32 (N, 2), valence and arousal of the description.
        source: "templates", "flickr8k" or "oasis".
        key: of the description within its source.
        held_out: bool (N,).
    """

    visual: npt.NDArray[np.float32]
    rationale: npt.NDArray[np.float32]
    music: npt.NDArray[np.float32]
    emotion: npt.NDArray[np.float32]
    source: npt.NDArray[np.str_]
    key: npt.NDArray[np.str_]
    held_out: npt.NDArray[np.bool_]


def load(cache: Path = CACHE) -> Triples:
    """Read what ``embed`` has written so far."""
    parts = [np.load(path) for path in sorted(cache.glob("vectors_[0-9][0-9][0-9].npz"))]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}
    wide = {name: found[name].astype(np.float32) for name in ("visual", "rationale", "music", "emotion")}
    return Triples(**wide, source=found["source"], key=found["key"], held_out=found["held_out"])


def embed(triples: Sequence[dict[str, Any]], encode: Sentences) -> dict[str, npt.NDArray[Any]]:
    """The arrays of some triples, vectors as float16."""
    texts = {
        "visual": [triple["record"]["image_description"] for triple in triples],
        "rationale": [triple["rationale"] for triple in triples],
        "music": [triple["record"]["music_description"] for triple in triples],
    }
    return {
        **{name: encode(found).astype(np.float16) for name, found in texts.items()},
        "emotion": np.array([triple["emotion"] for triple in triples], dtype=np.float16),
        "source": np.array([triple["source"] for triple in triples]),
        "key": np.array([triple["key"] for triple in triples]),
        "held_out": np.array([triple["split"] == "held_out" for triple in triples]),
    }


def main() -> None:
    """Embed shard by shard, in an order that mixes the sources; shards that are there are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="end the slice after this time")
    given = parser.parse_args()
    lines = (given.cache / "triples.jsonl").read_text(encoding="utf-8").splitlines()
    random.Random(0).shuffle(lines)
    encode = Sentences(threads=given.threads)
    started = time.monotonic()
    for number, start in enumerate(range(0, len(lines), SHARD)):
        path = given.cache / f"vectors_{number:03d}.npz"
        if path.exists():
            continue
        if time.monotonic() - started > given.seconds:
            break
        fresh = path.with_suffix(".new.npz")
        arrays: dict[str, Any] = embed([json.loads(line) for line in lines[start : start + SHARD]], encode)
        np.savez(fresh, **arrays)
        fresh.replace(path)
        print(f"{min(start + SHARD, len(lines))} of {len(lines)}", flush=True)


if __name__ == "__main__":
    main()
