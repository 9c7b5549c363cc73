"""The network: an ensemble of small perceptrons that each give a mean and a variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

from luce.server.music.spectra import FloatArray
from training.music_emotion.dataset import Dataset

#: Standardised descriptors are clipped here, so that nothing far outside the training data runs away.
CLIP = 4.0
#: The source of sounds that are not music; every recipe has it.
NON_MUSIC = "non_music"


@dataclass(frozen=True)
class Recipe:
    """How the ensemble is trained.

    Attributes:
        members: networks in the ensemble; each sees its own random 85 % of the pieces.
        hidden: widths of the two hidden layers.
        dropout: share of hidden units dropped in training.
        steps: optimiser steps.
        batch: windows a step and member.
        learning_rate: peak rate of AdamW under a cosine schedule.
        weight_decay: decay of AdamW.
        shares: share of each batch by source; of ``non_music`` the target is a random point of the plane, anew each
            time, so that the likelihood teaches a mean of 0 and a wide variance.
        wholes: share of the rows of a source that describe whole takes; the others are windows.
        concordance: weight of 1 - CCC beside the Gaussian likelihood. The likelihood alone pulls predictions to the
            middle; concordance keeps their spread.
        seed: seed of everything random.
    """

    members: int = 8
    hidden: tuple[int, int] = (48, 24)
    dropout: float = 0.25
    steps: int = 1500
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    shares: Mapping[str, float] = field(default_factory=lambda: {"vgmidi": 0.54, "emotify": 0.36, "non_music": 0.1})
    wholes: float = 0.3
    concordance: float = 1.0
    seed: int = 7


class Ensemble(torch.nn.Module):
    """K perceptrons F -> hidden -> hidden -> (valence, arousal, log variances), computed side by side."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: FloatArray, scale: FloatArray, recipe: Recipe) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        sizes = (len(mean), *recipe.hidden, 4)
        generator = torch.Generator().manual_seed(recipe.seed)
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        for inner, outer in pairwise(sizes):
            bound = (3 / inner) ** 0.5
            draw = torch.rand(recipe.members, inner, outer, generator=generator)
            self.weights.append(torch.nn.Parameter((2 * draw - 1) * bound))
            self.biases.append(torch.nn.Parameter(torch.zeros(recipe.members, 1, outer)))
        self.dropout = recipe.dropout

    def standardise(self, descriptors: torch.Tensor) -> torch.Tensor:
        """Descriptors (..., F) in standard deviations from the mean, clipped."""
        return ((descriptors - self.mean) / self.scale).clamp(-CLIP, CLIP)

    def forward(self, descriptors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means (K, B, 2) in [-1, 1] and log variances (K, B, 2) for descriptors (K, B, F)."""
        values = self.standardise(descriptors)
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weight + bias
            if index + 1 < len(self.weights):
                values = torch.nn.functional.dropout(torch.tanh(values), self.dropout, self.training)
        return torch.tanh(values[..., :2]), values[..., 2:].clamp(-8, 2)

    @torch.no_grad()
    def predict(self, descriptors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean (N, 2) and standard deviation (N, 2) of the mixture of the members."""
        self.eval()
        rows = torch.from_numpy(descriptors).expand(self.weights[0].shape[0], -1, -1)
        means, logs = self(rows)
        variance = logs.exp().mean(0) + means.var(0, unbiased=False)
        return means.mean(0).numpy(), variance.sqrt().numpy()


def concordance(truth: torch.Tensor, guess: torch.Tensor) -> torch.Tensor:
    """Concordance correlation over the batch (K, B, 2) -> (K, 2)."""
    true_mean, guess_mean = truth.mean(1), guess.mean(1)
    covariance = ((truth - true_mean[:, None]) * (guess - guess_mean[:, None])).mean(1)
    spread = truth.var(1, unbiased=False) + guess.var(1, unbiased=False) + (true_mean - guess_mean) ** 2
    return 2 * covariance / (spread + 1e-6)


class _Draws:
    """Draws windows, every piece as often as any other, from each member's own share of the pieces."""

    def __init__(self, source: Dataset, members: int, generator: np.random.Generator) -> None:
        self._order = np.argsort(source.piece, kind="stable")
        pieces, self._first, self._count = np.unique(source.piece[self._order], return_index=True, return_counts=True)
        keep = max(1, round(0.85 * len(pieces)))
        self._choices = [generator.permutation(len(pieces))[:keep] for _ in range(members)]
        self._generator = generator
        self._source = source

    def __call__(self, size: int) -> tuple[FloatArray, FloatArray]:
        rows = []
        for choice in self._choices:
            pieces = self._generator.choice(choice, size)
            offset = (self._generator.random(size) * self._count[pieces]).astype(np.int64)
            rows.append(self._order[self._first[pieces] + offset])
        index = np.stack(rows)
        return self._source.descriptors[index], self._source.emotion[index]


def _sources(sources: dict[str, Dataset], recipe: Recipe) -> list[tuple[Dataset, int]]:
    """What is drawn from, with how many rows a step; what is not music comes first."""
    result: list[tuple[Dataset, int]] = []
    for name in sorted(recipe.shares, key=lambda name: name != NON_MUSIC):
        rows, count = sources[name], round(recipe.batch * recipe.shares[name])
        wholes = 0 if name == NON_MUSIC else round(count * recipe.wholes)
        result.append((rows.select(~rows.whole), count - wholes))
        if wholes:
            result.append((rows.select(rows.whole), wholes))
    return result


def fit(sources: dict[str, Dataset], recipe: Recipe) -> Ensemble:
    """Train on all the given rows of the recipe's sources."""
    torch.manual_seed(recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    everything = np.concatenate([sources[name].descriptors for name in recipe.shares if name != NON_MUSIC])
    mean, scale = everything.mean(axis=0), np.maximum(everything.std(axis=0), 1e-3)
    model = Ensemble(mean, scale, recipe).train()
    drawn = _sources(sources, recipe)
    others = drawn[0][1]
    draws = [(_Draws(rows, recipe.members, generator), size) for rows, size in drawn]
    optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    for _ in range(recipe.steps):
        parts = [draw(size) for draw, size in draws]
        descriptors, truth = (torch.from_numpy(np.concatenate(kind, axis=1)) for kind in zip(*parts, strict=True))
        truth[:, :others] = torch.from_numpy(generator.uniform(-1, 1, (recipe.members, others, 2)).astype(np.float32))
        means, logs = model(descriptors)
        likelihood = 0.5 * (logs + (truth - means) ** 2 / logs.exp())
        loss = likelihood.mean() + recipe.concordance * (1 - concordance(truth[:, others:], means[:, others:])).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()
