"""Training the layers and the head: first to name emotions (GoEmotions), then to rate them (EmoBank)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from training.components import FloatArray
from training.music_emotion.network import concordance
from training.text_emotion.dataset import Texts
from training.text_emotion.network import Feeler, Scale

_CHUNK = 16
"""Batches whose texts are sorted by length together, so that little of a batch is padding."""
_DECAY = 0.99


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        named: Comments of GoEmotions that are learned from before EmoBank, at most.
        epochs: Passes through EmoBank.
        batch: Sentences in a step.
        dropout: In the layers.
        squares: Weight of the squared error beside 1 - CCC.
        layer_rate: Largest learning rate of the layers, of AdamW.
        head_rate: Of the head.
        weight_decay: Of AdamW.
        seed: Of everything random.
    """

    named: int = 24_000
    epochs: int = 3
    batch: int = 32
    dropout: float = 0.1
    squares: float = 0.3
    layer_rate: float = 1.5e-4
    head_rate: float = 1e-3
    weight_decay: float = 0.02
    seed: int = 0


def scale_of(texts: Texts) -> Scale:
    """The units of the sentences trained on."""
    return Scale(texts.target.mean(0), texts.target.std(0))


def batches(texts: Texts, size: int, random: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """All texts once, in random batches of like lengths; one of a single text is left out."""
    order, found = random.permutation(len(texts)), []
    for start in range(0, len(order), size * _CHUNK):
        rows = order[start : start + size * _CHUNK]
        rows = rows[np.argsort(texts.lengths[rows], kind="stable")]
        found += [rows[place : place + size] for place in range(0, len(rows), size)]
    random.shuffle(found)
    return [rows for rows in found if len(rows) > 1]


def name_emotions(feeler: Feeler, texts: Texts, recipe: Recipe) -> None:
    """Learn the categories of comments: one pass, cross entropy of each category by itself."""
    random = np.random.default_rng(recipe.seed)
    rows = batches(texts, recipe.batch * 3 // 2, random)[: recipe.named // (recipe.batch * 3 // 2)]

    def loss(states: torch.Tensor, mask: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        found = feeler.categories(feeler.features(states, mask)).float()
        return functional.binary_cross_entropy_with_logits(found, truth)

    for step, value in enumerate(_steps(feeler, texts, texts.target, rows, loss, recipe, least=0.1)):
        if step % 100 == 99:
            print(f"names {step + 1} of {len(rows)}: loss {value:.4f}", flush=True)


def rate_emotions(feeler: Feeler, texts: Texts, scale: Scale, recipe: Recipe) -> Feeler:
    """Learn the ratings; returns the moving average of the weights."""
    random = np.random.default_rng(recipe.seed + 1)
    rows = [row for _ in range(recipe.epochs) for row in batches(texts, recipe.batch, random)]
    average = copy.deepcopy(feeler)

    def loss(states: torch.Tensor, mask: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        found, logs = feeler(states, mask)
        likelihood = (0.5 * (logs + (truth - found.detach()) ** 2 / logs.exp())).mean()
        # CCC keeps the spread that squared errors alone would lose.
        concord = (1 - concordance(truth[None], found[None])).mean()
        total: torch.Tensor = concord + recipe.squares * functional.mse_loss(found, truth) + likelihood
        return total

    target = ((texts.target - scale.middle) / scale.spread).astype(np.float32)
    for step, value in enumerate(_steps(feeler, texts, target, rows, loss, recipe, least=0.02)):
        decay = min(_DECAY, (step + 1) / (step + 21))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), feeler.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        if step % 100 == 99:
            print(f"ratings {step + 1} of {len(rows)}: loss {value:.4f}", flush=True)
    return average.eval()


def _steps(
    feeler: Feeler,
    texts: Texts,
    target: FloatArray,
    rows: list[npt.NDArray[np.int64]],
    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    recipe: Recipe,
    least: float,
) -> Iterator[float]:
    """A step of AdamW for each batch, the rate rising over the first tenth and falling to a share of `least`."""
    torch.manual_seed(recipe.seed)
    body = list(feeler.layers.parameters())
    inner = {id(parameter) for parameter in body}
    head = [parameter for parameter in feeler.parameters() if id(parameter) not in inner]
    groups = [{"params": body, "lr": recipe.layer_rate}, {"params": head, "lr": recipe.head_rate}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    warm = max(1, len(rows) // 10)

    def share(step: int) -> float:
        return min(1.0, (step + 1) / warm) * max(least, 1 - step / len(rows))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    feeler.train()
    for places in rows:
        states, mask = texts.batch(places)
        # bfloat16 halves the time where the processor has it; sums and weights stay in float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(states, mask, torch.from_numpy(target[places]))
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(feeler.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        yield float(value.detach())


def stretch_of(truth: FloatArray, guess: FloatArray) -> FloatArray:
    """Factor (3,) that gives answers the spread of the truth."""
    result: FloatArray = (truth.std(0) / guess.std(0)).astype(np.float32)
    return result
