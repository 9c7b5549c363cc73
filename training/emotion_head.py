"""Small ensembles that read an emotion, and how sure they are of it, off the features of a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import onnx
import scipy.stats
import torch
from torch.nn import functional

from training.music_emotion.network import concordance
from training.onnx_graph import GraphBuilder, tensor

FloatArray = npt.NDArray[np.float32]
CLIP = 5.0
"""Standardised features are clipped here, so that nothing far outside of the training data runs away."""
_LOG_VARIANCE = (-7.0, 0.0)


@dataclass(frozen=True)
class Source:
    """What is learnt from.

    Attributes:
        rows: float32 (N, F).
        target: float32 (N, A) in [-1, 1], NaN where unknown.
        share: Rows of it in every batch of every member.
        weight: Of its loss.
    """

    rows: FloatArray
    target: FloatArray
    share: int
    weight: float = 1.0


@dataclass(frozen=True)
class Labels:
    """A second task, whose labels sharpen the shared layer and are not served.

    Attributes:
        rows: float32 (N, F).
        target: float32 (N, L), 1 for each label that holds.
        share: Rows of it in every batch of every member.
        weight: Of its loss.
    """

    rows: FloatArray
    target: FloatArray
    share: int
    weight: float


@dataclass(frozen=True)
class Recipe:
    """How a head is trained.

    Attributes:
        components: Principal components of the standardised features that are read; the rest is left out.
        members: Networks in the ensemble; each sees its own random 85 % of the rows.
        hidden: Width of the hidden layer.
        input_dropout: Share of the components dropped.
        dropout: Share of the hidden units dropped.
        steps: Optimiser steps.
        learning_rate: Peak rate of AdamW under a cosine schedule.
        weight_decay: Of AdamW.
        concordance: Weight of 1 - CCC beside the Gaussian likelihood, which alone would pull answers to the middle.
        seed: Of everything random.
    """

    components: int = 128
    members: int = 6
    hidden: int = 32
    input_dropout: float = 0.2
    dropout: float = 0.4
    steps: int = 600
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    concordance: float = 1.0
    seed: int = 7


@dataclass(frozen=True)
class Basis:
    """Features as their first principal components.

    Attributes:
        mean: float32 (F,) of the training rows.
        scale: float32 (F,), their standard deviation.
        vectors: float32 (F, P); a component of a training row has a root mean square of about 1 over all components.
    """

    mean: FloatArray
    scale: FloatArray
    vectors: FloatArray

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Components (N, P) of features (N, F)."""
        result: FloatArray = ((rows - self.mean) / self.scale).clip(-CLIP, CLIP) @ self.vectors
        return result


def basis_of(rows: FloatArray, components: int) -> Basis:
    """The principal components of features (N, F). Raises ValueError where there are not so many."""
    if components > min(rows.shape):
        raise ValueError(f"{components} components of {rows.shape} rows and features")
    mean, scale = rows.mean(0), np.maximum(rows.std(0), 1e-4)
    standard = ((rows - mean) / scale).clip(-CLIP, CLIP)
    if len(rows) < rows.shape[1]:
        # The same vectors, from the smaller of the two products.
        values, dual = np.linalg.eigh(standard @ standard.T)
        vectors = standard.T @ (dual / np.sqrt(values.clip(min=1e-6)))
    else:
        _, vectors = np.linalg.eigh(standard.T @ standard)
    vectors = vectors[:, : -components - 1 : -1]
    return Basis(mean, scale, (vectors / np.sqrt(np.square(standard @ vectors).mean())).astype(np.float32))


class Head(torch.nn.Module):
    """K perceptrons F -> components -> hidden -> A means and A log variances, side by side.

    Args:
        basis: Where the features are standard, and their principal components.
        axes: A.
        recipe: Members, widths, dropout.
        labels: Labels of a second task.
    """

    def __init__(self, basis: Basis, axes: int, recipe: Recipe, labels: int = 0) -> None:
        super().__init__()
        self.basis, self.recipe, self.axes = basis, recipe, axes
        generator = torch.Generator().manual_seed(recipe.seed)
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for inner, outer in pairwise((basis.vectors.shape[1], recipe.hidden, 2 * axes + labels)):
            draw = torch.randn(recipe.members, inner, outer, generator=generator)
            self.weights.append(torch.nn.Parameter(draw / inner**0.5))
            self.biases.append(torch.nn.Parameter(torch.zeros(recipe.members, 1, outer)))

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Means (K, B, A) in [-1, 1], log variances (K, B, A) and logits (K, B, L) of components (K, B, P)."""
        values = functional.dropout(rows, self.recipe.input_dropout, self.training)
        values = torch.tanh(values @ self.weights[0] + self.biases[0])
        values = functional.dropout(values, self.recipe.dropout, self.training)
        values = values @ self.weights[1] + self.biases[1]
        means, logs, labels = values.tensor_split((self.axes, 2 * self.axes), -1)
        return torch.tanh(means), logs.clamp(*_LOG_VARIANCE), labels

    @torch.no_grad()
    def predict(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation, each (N, A), of the mixture of the members, for features (N, F)."""
        self.eval()
        means, logs, _ = self(torch.from_numpy(self.basis(rows)).expand(self.recipe.members, -1, -1))
        variance = logs.exp().mean(0) + means.var(0, unbiased=False)
        return means.mean(0).numpy(), variance.sqrt().numpy()


class _Draws:
    """Draws rows from each member's own share of a source."""

    def __init__(self, source: Source | Labels, basis: Basis, members: int, generator: np.random.Generator) -> None:
        self._rows = basis(source.rows)
        keep = max(1, round(0.85 * len(source.rows)))
        self._own = np.stack([generator.permutation(len(source.rows))[:keep] for _ in range(members)])
        self._source, self._generator = source, generator

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor]:
        places = self._generator.integers(0, self._own.shape[1], (len(self._own), self._source.share))
        rows = np.take_along_axis(self._own, places, 1)
        return torch.from_numpy(self._rows[rows]), torch.from_numpy(self._source.target[rows])


def fit(sources: Sequence[Source], recipe: Recipe, labels: Labels | None = None) -> Head:
    """Train a head on emotions, and on labels where there are any."""
    torch.manual_seed(recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    basis = basis_of(np.concatenate([source.rows for source in sources]), recipe.components)
    axes = sources[0].target.shape[1]
    head = Head(basis, axes, recipe, labels.target.shape[1] if labels else 0).train()
    parts: list[Source | Labels] = [*sources, *([labels] if labels else [])]
    draws = [_Draws(part, basis, recipe.members, generator) for part in parts]
    optimiser = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    for _ in range(recipe.steps):
        drawn = [draw() for draw in draws]
        found = head(torch.cat([rows for rows, _ in drawn], 1))
        pieces = zip(*(values.split([part.share for part in parts], 1) for values in found), strict=True)
        loss = torch.zeros(())
        for part, (_, truth), (means, logs, logits) in zip(parts, drawn, pieces, strict=True):
            if isinstance(part, Labels):
                loss = loss + part.weight * functional.binary_cross_entropy_with_logits(logits, truth)
            else:
                loss = loss + part.weight * _loss(truth, means, logs, recipe.concordance)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return head.eval()


def _loss(truth: torch.Tensor, means: torch.Tensor, logs: torch.Tensor, weight: float) -> torch.Tensor:
    """Gaussian likelihood and concordance, over the axes that are known."""
    known = [axis for axis in range(truth.shape[-1]) if not torch.isnan(truth[0, 0, axis])]
    truth, means, logs = truth[..., known], means[..., known], logs[..., known]
    likelihood = 0.5 * (logs + (truth - means) ** 2 / logs.exp())
    return likelihood.mean() + weight * (1 - concordance(truth, means)).mean()


def calibration(truth: FloatArray, guess: FloatArray, spread: FloatArray) -> FloatArray:
    """Factor (A,) on the standard deviation by which half of the errors lie where half of a normal's do."""
    ratios = np.square((guess - truth) / spread)
    result: FloatArray = np.sqrt(np.median(ratios, 0) / scipy.stats.chi2(1).ppf(0.5)).astype(np.float32)
    return result


def add_head(graph: GraphBuilder, rows: str, head: Head, factor: FloatArray) -> tuple[str, str]:
    """Names of ``emotion`` and ``uncertainty``, each (B, A), of a head over rows (B, F).

    Every product is of one row with one member's matrix, so a row's result does not depend on the batch.
    """
    members, axes = head.recipe.members, head.axes
    centred = graph.op("Sub", rows, graph.constant(head.basis.mean))
    scaled = graph.op("Div", centred, graph.constant(head.basis.scale))
    clipped = graph.op("Clip", scaled, graph.constant(-CLIP), graph.constant(CLIP))
    components = graph.product(clipped, head.basis.vectors)
    values = graph.op("Unsqueeze", components, graph.constant([1, 2], np.int64))
    for index, (weight, bias) in enumerate(zip(head.weights, head.biases, strict=True)):
        served = slice(None) if index == 0 else slice(0, 2 * axes)
        product = graph.op("MatMul", values, graph.half(weight.detach().numpy()[..., served]))
        values = graph.op("Add", product, graph.constant(bias.detach().numpy()[..., served]))
        values = graph.op("Tanh", values) if index == 0 else values
    answers = graph.op("Squeeze", values, graph.constant([2], np.int64))
    means = graph.op("Tanh", graph.columns(answers, 0, axes))
    logs = graph.op("Clip", graph.columns(answers, axes, 2 * axes), *map(graph.constant, _LOG_VARIANCE))
    mean = graph.mean_of_members(means, members)
    away = graph.op("Sub", means, graph.op("Unsqueeze", mean, graph.constant([1], np.int64)))
    variances = graph.op("Add", graph.op("Exp", logs), graph.op("Mul", away, away))
    spread = graph.op("Sqrt", graph.mean_of_members(variances, members))
    return mean, graph.op("Mul", spread, graph.constant(factor))


def model_of(name: str, graph: GraphBuilder, inputs: dict[str, list[int | str]], axes: int) -> onnx.ModelProto:
    """The finished model, with the outputs ``emotion`` and ``uncertainty`` (B, A)."""
    outputs: dict[str, list[int | str]] = {"emotion": ["batch", axes], "uncertainty": ["batch", axes]}
    return graph.model(
        name,
        [tensor(key, shape) for key, shape in inputs.items()],
        [tensor(key, shape) for key, shape in outputs.items()],
    )
