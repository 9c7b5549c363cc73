"""From features into the space of the text encoder: a linear map, begun by least squares and sharpened by contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

FloatArray = npt.NDArray[np.float32]
SPACE = 384
_NEAREST = 10


@dataclass(frozen=True)
class Recipe:
    """How the map is trained.

    Attributes:
        components: Principal components of the features that are read.
        ridge: Weight of staying near the names of the picture's classes in the least squares.
        steps: Of the contrast.
        temperature: Of the contrast.
        anchor: Weight of staying near the words beside the contrast.
        learning_rate: Of AdamW.
        decay: Weight of staying near the least squares.
        dropout: Share of inputs dropped.
        seed: Of everything random.
    """

    components: int = 256
    ridge: float = 30.0
    steps: int = 60
    temperature: float = 0.06
    anchor: float = 0.5
    learning_rate: float = 1e-3
    decay: float = 0.3
    dropout: float = 0.2
    seed: int = 3


def unit(vectors: FloatArray) -> FloatArray:
    """Rows of length 1."""
    result: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(min=1e-9)).astype(np.float32)
    return result


def probabilities(logits: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    values = np.exp(logits - logits.max(-1, keepdims=True))
    result: FloatArray = values / values.sum(-1, keepdims=True)
    return result


def named(logits: FloatArray, names: FloatArray) -> FloatArray:
    """The mean of the names of a picture's classes, weighed by their probability (ConSE, Norouzi et al. 2014).

    Args:
        logits: (N, 1000).
        names: (1000, 384), the embedded names, less their mean.
    """
    result: FloatArray = probabilities(logits) @ names
    return result


def least_squares(
    rows: FloatArray, words: FloatArray, weights: FloatArray, ridge: float, start: FloatArray
) -> FloatArray:
    """The map (I + 1, 384) from rows (N, I) with a constant to the words (N, 384), as near ``start`` as fits."""
    inputs = with_constant(rows)
    weighed = inputs * weights[:, None]
    missing = weighed.T @ (words - inputs @ start)
    result: FloatArray = start + np.linalg.solve(weighed.T @ inputs + ridge * np.eye(inputs.shape[1]), missing)
    return result.astype(np.float32)


def with_constant(rows: FloatArray) -> FloatArray:
    """Rows (N, I) with a column of ones behind: (N, I + 1)."""
    return np.concatenate([rows, np.ones((len(rows), 1), np.float32)], 1)


@dataclass(frozen=True)
class Pairs:
    """Pictures and their words, one source.

    Attributes:
        rows: float32 (N, I), what the map reads.
        weight: Of its words in the least squares.
        words: float32 (N, T, 384), unit vectors of the texts of each picture.
        share: Rows of it in each batch.
        groups: int (N,): pictures of one group have the same words, and are not held against each other.
    """

    rows: FloatArray
    weight: float
    words: FloatArray
    share: int
    groups: npt.NDArray[np.int64]


def sharpen(start: FloatArray, sources: list[Pairs], recipe: Recipe) -> FloatArray:
    """The map after training it to tell each picture's words from those of the others in its batch, and back."""
    torch.manual_seed(recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimiser = torch.optim.AdamW([weight], recipe.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    origin = torch.from_numpy(start)
    for _ in range(recipe.steps):
        loss = recipe.decay * (weight - origin).square().sum() / SPACE
        for source in sources:
            picked = generator.choice(len(source.rows), min(source.share, len(source.rows)), replace=False)
            texts = source.words[picked, generator.integers(0, source.words.shape[1], len(picked))]
            rows = functional.dropout(torch.from_numpy(source.rows[picked]), recipe.dropout)
            seen = functional.normalize(rows @ weight[:-1] + weight[-1], dim=1)
            words = torch.from_numpy(texts)
            groups = torch.from_numpy(source.groups[picked])
            alike = groups[:, None] == groups
            target = alike / alike.sum(1, keepdim=True)
            scores = seen @ words.T / recipe.temperature
            there = -(target * scores.log_softmax(1)).sum(1).mean()
            back = -(target * scores.T.log_softmax(1)).sum(1).mean()
            near = 1 - (seen * words).sum(1).mean()
            loss = loss + (there + back) / 2 + recipe.anchor * near
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    result: FloatArray = weight.detach().numpy()
    return result


def retrieval(seen: FloatArray, words: FloatArray, owners: npt.NDArray[np.int64]) -> dict[str, float]:
    """How often the right one is among the first 1, 5 and 10, over pictures (N, 384) and texts (M, 384).

    Args:
        seen: Unit vectors of the pictures.
        words: Unit vectors of the texts.
        owners: (M,), the picture of each text.
    """
    scores = words @ seen.T
    rank = (scores > scores[np.arange(len(words)), owners][:, None]).sum(1)
    best = np.full(len(seen), len(words))
    order = np.argsort(-scores.T, axis=1)
    for picture, texts in enumerate(order):
        best[picture] = int(np.argmax(owners[texts] == picture))
    result = {f"text_to_image_r{k}": round(float((rank < k).mean()), 3) for k in (1, 5, _NEAREST)}
    return result | {f"image_to_text_r{k}": round(float((best < k).mean()), 3) for k in (1, 5, _NEAREST)}
