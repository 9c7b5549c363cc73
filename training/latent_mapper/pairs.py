"""Batches of embedded triples, as both mappings learn from them.

A picture's embedding lies beside its captions', not on them. Where pictures are known (``pictures.npz``, written by
``training.chain_of_thought.photographs``), half of their rows carry the picture's own embedding; all others get noise.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.chain_of_thought.build import CACHE
from training.chain_of_thought.embed import Triples, load
from training.image_encoder.pictures import fraction

PICTURE_SHARE = 0.5
FOLDS = 3
"""Parts of the training rows; all rows of a picture are in one."""
_NOISE = 0.02
"""Deviation of each of the 384 coordinates; the whole turns a vector by about 20 degrees."""


@dataclass(frozen=True)
class Batch:
    """Rows of one step, float32 (n, 384) each, and the fold of each, int64 (n,)."""

    visual: Tensor
    rationale: Tensor
    music: Tensor
    fold: Tensor


class Pairs:
    """The training or the held-out rows.

    Args:
        triples: all of them.
        held_out: which side.
        pictures: embedding of each picture, by the key of its triples; may be empty.
    """

    def __init__(self, triples: Triples, *, held_out: bool, pictures: dict[str, npt.NDArray[np.float32]]) -> None:
        rows = np.flatnonzero(triples.held_out == held_out)
        self.source = triples.source[rows]
        self.key = triples.key[rows]
        self.emotion = triples.emotion[rows]
        self.visual = torch.from_numpy(triples.visual[rows])
        self.rationale = torch.from_numpy(triples.rationale[rows])
        self.music = torch.from_numpy(triples.music[rows])
        self.fold = torch.tensor([int(fraction(f"fold/{picture_of(key)}") * FOLDS) for key in self.key])
        self.pictured = torch.tensor([picture_of(key) in pictures for key in self.key])
        found = [pictures.get(picture_of(key)) for key in self.key]
        blank = np.zeros(self.visual.shape[1], dtype=np.float32)
        self.pictures = torch.from_numpy(np.stack([blank if vector is None else vector for vector in found]))

    def __len__(self) -> int:
        return len(self.visual)

    def take(self, rows: npt.NDArray[np.int64]) -> Pairs:
        """Some of the rows, in that order."""
        part = copy.copy(self)
        for name, values in vars(self).items():
            setattr(part, name, values[torch.from_numpy(rows) if isinstance(values, Tensor) else rows])
        return part

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """Random rows; E_v is the picture's for some, the text's with noise for the others."""
        rows = torch.randint(len(self), (count,), generator=generator)
        noisy = self.visual[rows] + _NOISE * torch.randn(count, self.visual.shape[1], generator=generator)
        use = self.pictured[rows] & (torch.rand(count, generator=generator) < PICTURE_SHARE)
        visual = torch.where(use[:, None], self.pictures[rows], functional.normalize(noisy))
        return Batch(visual, self.rationale[rows], self.music[rows], self.fold[rows])


def picture_of(key: str) -> str:
    """The picture that a triple is about: captions are numbered behind "#"."""
    return key.partition("#")[0]


def load_pairs(cache: Path = CACHE) -> tuple[Pairs, Pairs]:
    """Training and held-out rows."""
    triples = load(cache)
    pictures: dict[str, npt.NDArray[np.float32]] = {}
    path = cache / "pictures.npz"
    if path.exists():
        with np.load(path) as stored:
            pictures = dict(zip(stored["key"].tolist(), stored["embedding"].astype(np.float32), strict=True))
    return (
        Pairs(triples, held_out=False, pictures=pictures),
        Pairs(triples, held_out=True, pictures=pictures),
    )
