"""Texts whose emotion people judged, as the lower layers of the served text encoder see them.

FOLDER holds ``emobank`` (Buechel & Hahn 2017; valence, arousal, dominance of English sentences, with a split),
``goemotions`` (Demszky et al. 2020; comments with any of 28 emotions) and ``fb_valence_arousal`` (Preotiuc-Pietro et
al. 2016; posts, rated by two, never trained on). Nothing of them is in this repository.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from luce.emotion import from_scale
from luce.server.inference.text_embedder import TextEmbedderSettings, open_tokenizer

ENCODER = Path("model_repository/text_encoder/1/model.onnx")
CACHE = Path(__file__).resolve().parents[2] / "training" / "cache" / "text_emotion"
WIDTH = 384
CATEGORIES = 28
_PAD_TO = 16
"""Serving pads to multiples of it, and the encoder gives the same bytes at all of them."""

Rated = tuple[list[str], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Texts:
    """N texts of one source and part.

    Attributes:
        states: float16 (M, 384), the encoder's ``middle_states`` of the tokens of all texts, one after the other.
        ends: int64 (N + 1,), where each text begins; the last is M.
        target: float32 (N, A): valence, arousal, dominance in [-1, 1], NaN where unknown, or 0 and 1 for each category.
    """

    states: npt.NDArray[np.float16]
    ends: npt.NDArray[np.int64]
    target: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(N,) tokens of each text."""
        return np.diff(self.ends)

    def batch(self, rows: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Some texts, padded to the longest: states (B, T, 384), and a mask (B, T) of ones, and zeros at padding."""
        longest = int(self.lengths[rows].max())
        states, mask = torch.zeros(len(rows), longest, WIDTH), torch.zeros(len(rows), longest)
        for place, row in enumerate(rows):
            part = self.states[self.ends[row] : self.ends[row + 1]]
            states[place, : len(part)] = torch.from_numpy(part.astype(np.float32))
            mask[place, : len(part)] = 1
        return states, mask


def emobank(data: Path) -> dict[str, Rated]:
    """Sentences of each part (train, dev, test) with valence, arousal and dominance."""
    parts: dict[str, tuple[list[str], list[list[float]]]] = {}
    with (data / "emobank" / "emobank.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            texts, targets = parts.setdefault(row["split"], ([], []))
            texts.append(row["text"])
            targets.append([from_scale(float(row[axis]), "emobank") for axis in "VAD"])
    return {part: (texts, np.array(targets, np.float32)) for part, (texts, targets) in parts.items()}


def goemotions(data: Path, part: str = "train") -> Rated:
    """Comments with 1 for each category that raters agreed on, (N, 28)."""
    texts, targets = [], []
    for line in (data / "goemotions" / f"{part}.tsv").read_text(encoding="utf-8").splitlines():
        text, numbers, _ = line.split("\t")
        texts.append(text)
        targets.append(np.isin(np.arange(CATEGORIES), [int(number) for number in numbers.split(",")]))
    return texts, np.array(targets, np.float32)


def facebook(data: Path) -> Rated:
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
    """The served text encoder in this process."""

    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(ENCODER), options, ["CPUExecutionProvider"])
        self._tokenizer = open_tokenizer(TextEmbedderSettings())

    def __call__(
        self, texts: Sequence[str], batch: int = 32
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16], npt.NDArray[np.int64]]:
        """Sentence embeddings (N, 384), and `Texts.states` and `Texts.ends`."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        ends = np.concatenate([[0], np.cumsum([len(tokens) for tokens in ids])]).astype(np.int64)
        sentence = np.empty((len(ids), WIDTH), np.float32)
        states = np.empty((int(ends[-1]), WIDTH), np.float16)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            length = -(-len(ids[rows[-1]]) // _PAD_TO) * _PAD_TO
            feeds = {name: np.zeros((len(rows), length), np.int64) for name in ("input_ids", "attention_mask")}
            for place, row in enumerate(rows):
                feeds["input_ids"][place, : len(ids[row])] = ids[row]
                feeds["attention_mask"][place, : len(ids[row])] = 1
            sentence[rows], middle = self._session.run(["sent_emb", "middle_states"], feeds)
            for row, found in zip(rows, middle, strict=True):
                states[ends[row] : ends[row + 1]] = found[: len(ids[row])]
        return sentence, states, ends


def load_texts(data: Path, cache: Path = CACHE, threads: int = 1) -> dict[str, Texts]:
    """Every source and part, read once and kept: emobank_train, emobank_dev, emobank_test, facebook, goemotions."""
    sources = {f"emobank_{part}": found for part, found in emobank(data).items()}
    sources |= {"facebook": facebook(data), "goemotions": goemotions(data)}
    cache.mkdir(parents=True, exist_ok=True)
    result, encoder = {}, Encoder(threads)
    for name, (texts, target) in sources.items():
        kept = {part: cache / f"{name}_{part}.npy" for part in ("ends", "states")}
        if not kept["states"].exists():
            _, states, ends = encoder(texts)
            np.save(kept["ends"], ends)
            whole = kept["states"].with_suffix(".part.npy")
            np.save(whole, states)
            whole.rename(kept["states"])
        result[name] = Texts(np.load(kept["states"], mmap_mode="r"), np.load(kept["ends"]), target)
    return result
