"""Batches of excerpts of about the same length, with what is asked of each, partly withheld."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from luce.server.music.composing.controls import CONTROL_SIZE, STYLES
from luce.server.music.composing.tokens import END
from training.midi_composer import context
from training.midi_composer.pieces import SOURCES

#: How often an excerpt of a source is read in an epoch.
SHARES = {"pop": 1.0, "game": 1.5, "folk": 0.7, "classical": 1.0}
#: Chances that a part of what could be asked is withheld in training: everything, the emotion, each control, the
#: embedding; and the deviation of the noise on emotions.
_NOTHING, _EMOTION, _CONTROL, _EMBEDDING, _NOISE = 0.08, 0.3, 0.25, 0.5, 0.04
IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """Tensors of one step.

    Attributes:
        features: (B, T, COUNT) of :mod:`training.midi_composer.context`: what is read, and what is known then.
        targets: (B, T) what comes next, `IGNORED` after the end.
        emotion: (B, 3).
        controls: (B, controls).
        embedding: (B, 384).
        asked: (B, 1) 0 where nothing is asked at all, else 1.
    """

    features: Tensor
    targets: Tensor
    emotion: Tensor
    controls: Tensor
    embedding: Tensor
    asked: Tensor


class Excerpts:
    """All excerpts of a split.

    Args:
        folder: the archives of :mod:`training.midi_composer.dataset`.
        held_out: which split.
    """

    def __init__(self, folder: Path, *, held_out: bool) -> None:
        self.tokens: list[npt.NDArray[np.int16]] = []
        parts: dict[str, list[npt.NDArray[np.float32]]] = {"controls": [], "emotion": [], "weights": []}
        embeddings: list[npt.NDArray[np.float32]] = []
        for source in SOURCES:
            path = folder / f"{source}.npz"
            if not path.exists():
                continue
            with np.load(path) as archive:
                keep = np.flatnonzero(archive["held_out"] == held_out)
                ends = np.cumsum(archive["sizes"])
                cut = np.split(archive["tokens"], ends[:-1])
                self.tokens.extend(cut[index] for index in keep)
                parts["controls"].append(archive["controls"][keep].astype(np.float32))
                parts["emotion"].append(archive["emotion"][keep])
                parts["weights"].append(np.full(len(keep), SHARES[source], np.float32))
        if not self.tokens:
            raise FileNotFoundError(f"{folder} holds no excerpts: run training.midi_composer.dataset first")
        self.controls = np.concatenate(parts["controls"])
        self.emotion = np.concatenate(parts["emotion"])
        self.weights = np.concatenate(parts["weights"])
        texts = folder / "texts.npz"
        self.pairs = None
        if texts.exists():
            with np.load(texts) as archive:
                embeddings = [archive["embeddings"]]
                self.pairs = _Texts(embeddings[0], archive["emotion"])

    def __len__(self) -> int:
        return len(self.tokens)

    def epoch(self, random: np.random.Generator, budget: int) -> Iterator[npt.NDArray[np.int64]]:
        """Batches of indices, each of about `budget` tokens, in random order; lengths of a batch are alike."""
        times = np.floor(self.weights + random.random(len(self))).astype(np.int64)
        chosen = np.repeat(np.arange(len(self)), times)
        random.shuffle(chosen)
        sizes = np.array([len(self.tokens[index]) for index in chosen])
        order = chosen[np.argsort(sizes + random.uniform(0, 40, len(sizes)), kind="stable")]
        batches: list[npt.NDArray[np.int64]] = []
        start = 0
        while start < len(order):
            stop, longest = start, 0
            while stop < len(order):
                longest = max(longest, len(self.tokens[order[stop]]) + 1)
                if longest * (stop + 1 - start) > budget and stop > start:
                    break
                stop += 1
            batches.append(order[start:stop])
            start = stop
        for index in random.permutation(len(batches)):
            yield batches[index]

    def batch(self, chosen: npt.NDArray[np.int64], random: np.random.Generator | None) -> Batch:
        """Tensors of some excerpts; without `random` everything but the embedding is asked, as it is."""
        longest = max(len(self.tokens[index]) for index in chosen) + 1
        targets = np.full((len(chosen), longest), IGNORED, np.int64)
        features = np.zeros((len(chosen), longest, context.COUNT), np.int64)
        for row, index in enumerate(chosen):
            sequence = self.tokens[index]
            targets[row, : len(sequence)] = sequence
            features[row, 1 : len(sequence) + 1] = context.features(sequence)
            targets[row, len(sequence)] = END
            # The metre and the number of bars are always given.
            targets[row, :2] = IGNORED
        emotion = np.concatenate([self.emotion[chosen], np.ones((len(chosen), 1), np.float32)], axis=1)
        controls, asked = self.controls[chosen], np.ones((len(chosen), 1), np.float32)
        embedding = np.zeros((len(chosen), 384), np.float32)
        if random is not None:
            asked = (random.random(asked.shape) >= _NOTHING).astype(np.float32)
            if self.pairs is not None:
                told = random.random(len(chosen)) >= _EMBEDDING
                embedding[told] = self.pairs.draw(self.emotion[chosen][told], random)
            emotion[:, :2] += random.normal(0, _NOISE, (len(chosen), 2)).astype(np.float32)
            emotion *= random.random(asked.shape) >= _EMOTION
            controls = controls * _withheld(len(chosen), random)
        parts = (features, targets, emotion, controls, embedding, asked)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


def _withheld(count: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """(count, controls) 0 where a control is withheld, 1 elsewhere; in a fifth of the rows all of them are."""
    numbers = (CONTROL_SIZE - len(STYLES)) // 2
    given = random.random((count, numbers + 1)) >= _CONTROL
    given &= random.random((count, 1)) >= 0.2
    wide = np.concatenate(
        [np.repeat(given[:, :numbers], 2, axis=1), np.repeat(given[:, numbers:], len(STYLES), axis=1)], axis=1
    )
    return wide.astype(np.float32)


class _Texts:
    """Embeddings of texts, found by their emotion."""

    _NEAR = 24

    def __init__(self, embeddings: npt.NDArray[np.floating], emotion: npt.NDArray[np.floating]) -> None:
        self._embeddings = embeddings.astype(np.float32)
        self._emotion = emotion.astype(np.float32)

    def draw(self, emotion: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
        """(n, 384) for (n, 2): one of the texts whose emotion is nearest, at random."""
        distance = np.square(emotion[:, None] - self._emotion[None]).sum(axis=-1)
        near = np.argpartition(distance, self._NEAR, axis=1)[:, : self._NEAR]
        picked = near[np.arange(len(near)), random.integers(0, self._NEAR, len(near))]
        return self._embeddings[picked]
