"""A small classifier that reads a picture's attributes back, to measure whether the generator drew what was asked."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.vocabulary import Attributes, vocabulary
from training.checkpoints import load_checkpoint, save_checkpoint
from training.image_generator.data import HELD_OUT, SHARD, wish_of

KINDS = ("scene", "style", "palette", "time", "weather", "light", "composition", "motion", "subject")
"""What the judge reads; `subject` has one more class, none."""


@lru_cache(maxsize=1)
def classes() -> dict[str, list[str | None]]:
    """The names of each kind, in the order of the judge's outputs."""
    named: dict[str, list[str | None]] = {kind: list(vocabulary().entries(kind)) for kind in KINDS}
    named["subject"].append(None)
    return named


def labels(wish: Attributes) -> list[int]:
    """Class numbers of a wish, one for each of `KINDS`."""
    return [classes()[kind].index(getattr(wish, kind)) for kind in KINDS]


class Judge(nn.Module):
    """Strided convolutions and one linear head for each kind."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(128 * 5, len(classes()[kind])) for kind in KINDS)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(N, 3, 64, 64) in [-1, 1] -> logits (N, classes) for each kind."""
        features = self.body(pictures)
        whole = features.mean((2, 3))
        quarters = functional.adaptive_avg_pool2d(features, (4, 1)).flatten(1)
        joined = torch.cat([whole, quarters], dim=1)
        return [head(joined) for head in self.heads]


def trained_judge(data: Path, folder: Path, epochs: int = 2) -> Judge:
    """The judge kept in `folder`, or a new one trained on the shards of `data` (not the held-out ones) and kept."""
    found = load_checkpoint(folder)
    if found is not None:
        known_judge = Judge()
        known_judge.load_state_dict(found[0])
        return known_judge.eval()
    torch.manual_seed(0)
    judge = Judge().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3)
    shards = [path for path in sorted(data.glob("shard_*")) if int(path.name[6:]) < HELD_OUT]
    known = {
        path: torch.tensor([labels(wish_of(int(path.name[6:]) * SHARD + i)[0]) for i in range(SHARD)])
        for path in shards
    }
    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * 0.35**epoch
        for number in rng.permutation(len(shards)):
            pictures = np.load(shards[number] / "pictures.npy")
            for rows in np.array_split(rng.permutation(SHARD), SHARD // 50):
                logits = judge(as_input(pictures[rows]))
                wanted = known[shards[number]][torch.from_numpy(rows)]
                loss = torch.stack([functional.cross_entropy(g, wanted[:, k]) for k, g in enumerate(logits)]).sum()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    save_checkpoint(folder, dict(judge.state_dict()), {"epochs": epochs, "shards": len(shards)})
    return judge.eval()  # type: ignore[no-any-return]


def as_input(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 (N, 64, 64, 3) -> float32 (N, 3, 64, 64) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1.0)


@torch.no_grad()
def accuracy(judge: Judge, pictures: npt.NDArray[np.uint8], wishes: list[Attributes]) -> dict[str, float]:
    """Share of pictures whose attribute the judge reads as wished, by kind."""
    wanted = torch.tensor([labels(wish) for wish in wishes])
    logits = judge(as_input(pictures))
    return {kind: float((logits[k].argmax(1) == wanted[:, k]).float().mean()) for k, kind in enumerate(KINDS)}
