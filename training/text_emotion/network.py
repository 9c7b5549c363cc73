"""An ensemble of perceptrons on what the text encoder says of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch.nn import functional

from training.components import FloatArray
from training.music_emotion.network import concordance
from training.onnx_graph import GraphBuilder, tensor

WIDTH = 384
AXES = ("valence", "arousal", "dominance")
_LOG_VARIANCE = (-6.0, 2.0)


@dataclass(frozen=True)
class Recipe:
    """How the ensemble is trained.

    Attributes:
        members: Networks in it; each sees the texts in its own order.
        hidden: Units of the hidden layer.
        input_dropout: Share of the inputs dropped.
        dropout: Share of the hidden units dropped.
        epochs: Passes through EmoBank.
        batch: Sentences in a step.
        gain: Factor on the inputs; small inputs keep the function smooth.
        pooled: Size of the pooled states beside the sentence.
        squares: Weight of the squared error beside 1 - CCC.
        learning_rate: Of AdamW, under a cosine schedule.
        weight_decay: Of AdamW.
        seed: Of everything random.
    """

    members: int = 5
    hidden: int = 256
    input_dropout: float = 0.2
    dropout: float = 0.5
    epochs: int = 8
    batch: int = 64
    gain: float = 0.15
    pooled: float = 0.3
    squares: float = 0.3
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 7


@dataclass(frozen=True)
class Rows:
    """Texts: inputs (N, 1152), and valence, arousal and dominance (N, 3), NaN where unknown."""

    inputs: FloatArray
    target: FloatArray


@dataclass(frozen=True)
class Scaling:
    """Inputs (N, 1152) and answers (N, 3) in the units that the network works in.

    Attributes:
        shift: (1152,), subtracted from the inputs.
        scale: (1152,), multiplied with them then.
        middle: (3,), mean of the answers.
        spread: (3,), their standard deviation.
    """

    shift: FloatArray
    scale: FloatArray
    middle: FloatArray
    spread: FloatArray

    def __call__(self, inputs: FloatArray) -> torch.Tensor:
        """Inputs as the network reads them."""
        return torch.from_numpy((inputs - self.shift) * self.scale)


def scaling_of(rows: Rows, recipe: Recipe) -> Scaling:
    """The units of the sentences trained on."""
    pooled = rows.inputs[:, WIDTH:]
    shift = np.concatenate([np.zeros(WIDTH), pooled.mean(0)])
    scale = np.concatenate([np.full(WIDTH, WIDTH**0.5), recipe.pooled / (pooled.std(0) + 1e-3)]) * recipe.gain
    target = rows.target
    return Scaling(shift.astype(np.float32), scale.astype(np.float32), target.mean(0), target.std(0))


class Head(torch.nn.Module):
    """K perceptrons of one hidden layer, side by side: answers and their log variances.

    Args:
        scaling: Units of inputs and answers.
        recipe: Members, width, dropout.
    """

    def __init__(self, scaling: Scaling, recipe: Recipe) -> None:
        super().__init__()
        self.scaling, self.recipe = scaling, recipe
        generator = torch.Generator().manual_seed(recipe.seed)

        def drawn(inner: int, outer: int) -> torch.nn.Parameter:
            bound = inner**-0.5
            return torch.nn.Parameter((2 * torch.rand(recipe.members, inner, outer, generator=generator) - 1) * bound)

        def zeros(outer: int) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.zeros(recipe.members, 1, outer))

        width, axes = len(scaling.shift), len(AXES)
        self.first, self.first_bias = drawn(width, recipe.hidden), zeros(recipe.hidden)
        self.answer, self.answer_bias = drawn(recipe.hidden, axes), zeros(axes)
        self.doubt, self.doubt_bias = drawn(recipe.hidden, axes), zeros(axes)

    def hidden(self, rows: torch.Tensor) -> torch.Tensor:
        """The hidden layer (K, B, H) of rows (K, B, 1152) in the network's units."""
        values = functional.dropout(rows, self.recipe.input_dropout, self.training)
        values = torch.relu(values @ self.first + self.first_bias)
        return functional.dropout(values, self.recipe.dropout, self.training)

    def answers(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers and log variances, each (K, B, 3), in the network's units; doubt teaches the hidden layer nothing."""
        logs = hidden.detach() @ self.doubt + self.doubt_bias
        return hidden @ self.answer + self.answer_bias, logs.clamp(*_LOG_VARIANCE)

    @torch.no_grad()
    def predict(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation, each (N, 3), of the mixture of the members."""
        self.eval()
        means, logs = self.answers(self.hidden(self.scaling(inputs).expand(self.recipe.members, -1, -1)))
        spread = (logs.exp().mean(0) + means.var(0, unbiased=False)).sqrt().numpy() * self.scaling.spread
        return (means.mean(0).numpy() * self.scaling.spread + self.scaling.middle).astype(np.float32), spread


def fit(sentences: Rows, recipe: Recipe) -> Head:
    """Train on sentences whose every axis is known."""
    torch.manual_seed(recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    scaling = scaling_of(sentences, recipe)
    head = Head(scaling, recipe).train()
    inputs = scaling(sentences.inputs)
    truth = torch.from_numpy((sentences.target - scaling.middle) / scaling.spread)
    steps = len(inputs) // recipe.batch
    optimiser = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs * steps)
    for _ in range(recipe.epochs):
        orders = np.stack([generator.permutation(len(inputs)) for _ in range(recipe.members)])
        for step in range(steps):
            places = orders[:, step * recipe.batch : (step + 1) * recipe.batch]
            means, logs = head.answers(head.hidden(inputs[places]))
            known = truth[places]
            likelihood = (0.5 * (logs + (known - means.detach()) ** 2 / logs.exp())).mean()
            loss = _loss(known, means, recipe) + likelihood
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return head.eval()


def _loss(truth: torch.Tensor, means: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """1 - CCC, which keeps the spread that squared errors alone would lose, and squared errors."""
    return (1 - concordance(truth, means)).mean() + recipe.squares * (truth - means).square().mean()


def stretch_of(truth: FloatArray, guess: FloatArray) -> FloatArray:
    """Factor (3,) that gives answers the spread of the truth, which the mean over members has narrowed."""
    result: FloatArray = (truth.std(0) / guess.std(0)).astype(np.float32)
    return result


def build(head: Head, stretch: FloatArray, factor: FloatArray) -> onnx.ModelProto:
    """``sent_emb`` (B, 384) and ``token_states`` (B, T, 384) to ``emotion`` and ``uncertainty`` (B, 3).

    Every product is of one row with one member's matrix, so a row's result does not depend on the batch.

    Args:
        head: Trained.
        stretch: (3,), on the answers' distances from the middle.
        factor: (3,), on the standard deviations.
    """
    graph, scaling, members = GraphBuilder(), head.scaling, head.recipe.members
    one = graph.constant([1], np.int64)
    # Padding has zero states: without the clipping, a text would change with the length that it is padded to.
    highest = graph.op("Max", graph.op("ReduceMax", "token_states", one, keepdims=0), graph.constant(0.0))
    lowest = graph.op("Min", graph.op("ReduceMin", "token_states", one, keepdims=0), graph.constant(0.0))
    inputs = graph.op("Concat", "sent_emb", highest, lowest, axis=1)
    scaled = graph.op("Mul", graph.op("Sub", inputs, graph.constant(scaling.shift)), graph.constant(scaling.scale))
    values = graph.op("Unsqueeze", scaled, graph.constant([1, 2], np.int64))

    def layer(rows: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
        product = graph.op("MatMul", rows, graph.half(weight.detach().numpy()))
        return graph.op("Add", product, graph.constant(bias.detach().numpy()))

    hidden = graph.op("Relu", layer(values, head.first, head.first_bias))
    two = graph.constant([2], np.int64)
    means = graph.op("Squeeze", layer(hidden, head.answer, head.answer_bias), two)
    logs = graph.op("Squeeze", layer(hidden, head.doubt, head.doubt_bias), two)
    logs = graph.op("Clip", logs, *map(graph.constant, _LOG_VARIANCE))
    mean = graph.mean_of_members(means, members)
    away = graph.op("Sub", means, graph.op("Unsqueeze", mean, one))
    variances = graph.op("Add", graph.op("Exp", logs), graph.op("Mul", away, away))
    spread = graph.op("Sqrt", graph.mean_of_members(variances, members))
    answer = graph.op(
        "Add", graph.op("Mul", mean, graph.constant(scaling.spread * stretch)), graph.constant(scaling.middle)
    )
    graph.op("Clip", answer, graph.constant(-1.0), graph.constant(1.0), name="emotion")
    graph.op("Mul", spread, graph.constant(factor * scaling.spread), name="uncertainty")
    return graph.model(
        "text_emotion",
        [tensor("sent_emb", ["batch", WIDTH]), tensor("token_states", ["batch", "tokens", WIDTH])],
        [tensor("emotion", ["batch", len(AXES)]), tensor("uncertainty", ["batch", len(AXES)])],
    )
