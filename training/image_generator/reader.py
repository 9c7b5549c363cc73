"""The attribute reader: token states to a probability for every word of the vocabulary, inside the denoiser.

A plain text embedding names the style and the palette of a picture clearly, its scene and subject only faintly, and a
network learns first what lowers the loss most. The reader is trained alone, on captions, in a minute; then it is frozen
and the denoiser sees what was asked as clearly as class labels, besides the words themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.vocabulary import Attributes, vocabulary
from training.image_generator.data import SHARD, wish_of

KINDS = vocabulary().kinds
CLASSES = max(len(vocabulary().entries(kind)) for kind in KINDS) + 1
"""Outputs a kind: one an entry, and class 0 for a kind that the prompt does not mention; the rest is never used."""

_WIDTH = 64
_HEADS = 2


class AttributeReader(nn.Module):
    """One attention query a kind, then one linear layer a kind (a grouped 1 x 1 convolution)."""

    def __init__(self, text: int = 384) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, len(KINDS), _WIDTH) * 0.5)
        self.words = nn.Linear(text, 2 * _WIDTH)
        self.classify = nn.Conv2d(_WIDTH * len(KINDS), CLASSES * len(KINDS), 1, groups=len(KINDS))

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Token states (N, L, text), bias (N, 1, 1, L) -> logits (N, kinds, CLASSES)."""
        n = tokens.shape[0]
        k, v = self.words(tokens).chunk(2, dim=-1)
        split = (n, -1, _HEADS, _WIDTH // _HEADS)
        q = self.queries.expand(n, -1, -1).reshape(split).permute(0, 2, 1, 3)
        scores = q @ k.reshape(split).permute(0, 2, 3, 1) + bias
        gathered = torch.softmax(scores, dim=-1) @ v.reshape(split).permute(0, 2, 1, 3)
        flat = gathered.permute(0, 2, 1, 3).reshape(n, -1, 1, 1)
        return self.classify(flat).reshape(n, len(KINDS), CLASSES)  # type: ignore[no-any-return]


def targets(wish: Attributes, caption: str) -> Tensor:
    """What the caption says, (kinds, CLASSES), each row summing to 1; several moods share their row."""
    said = torch.zeros(len(KINDS), CLASSES)
    for entry in wish.chosen():
        if any(phrase in caption for phrase in entry.phrases):
            said[KINDS.index(entry.kind), 1 + list(vocabulary().entries(entry.kind)).index(entry.name)] = 1.0
    said[:, 0] = (said.sum(1) == 0).float()
    return said / said.sum(1, keepdim=True)


def train_reader(tokens: list[Tensor], wanted: Tensor, *, epochs: int = 8) -> tuple[AttributeReader, float]:
    """Train on captions: token states (L_i, text) of each, and `targets` (N, kinds, CLASSES).

    Returns the frozen reader and its accuracy over all kinds on the last twentieth, which it has not seen.
    """
    torch.manual_seed(0)
    reader = AttributeReader()
    optimiser = torch.optim.AdamW(reader.parameters(), lr=3e-3, weight_decay=0.01)
    rng, learned = np.random.default_rng(0), len(tokens) - len(tokens) // 20
    for epoch in range(epochs):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * 0.6**epoch
        for rows in np.array_split(rng.permutation(learned), learned // 128 + 1):
            states, bias = _batch([tokens[row] for row in rows])
            logits = reader(states, bias).flatten(0, 1)
            loss = functional.cross_entropy(logits, wanted[torch.from_numpy(rows)].flatten(0, 1)) * len(KINDS)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    reader.eval().requires_grad_(False)
    hits = []
    for rows in np.array_split(np.arange(learned, len(tokens)), max(1, len(tokens) // 20 // 128)):
        found = reader(*_batch([tokens[row] for row in rows])).argmax(-1, keepdim=True)
        hits.append((wanted[torch.from_numpy(rows)].gather(-1, found) > 0).float().mean())
    return reader, float(torch.stack(hits).mean())


def _batch(tokens: list[Tensor]) -> tuple[Tensor, Tensor]:
    states = nn.utils.rnn.pad_sequence(tokens, batch_first=True).float()
    lengths = torch.tensor([len(row) for row in tokens])
    mask = torch.arange(states.shape[1])[None] < lengths[:, None]
    return states, torch.where(mask, 0.0, -10000.0)[:, None, None, :]


def captions_of(folder: Path, shards: int) -> tuple[list[Tensor], Tensor]:
    """Token states and targets of the first shards that are ready."""
    tokens: list[Tensor] = []
    wanted: list[Tensor] = []
    for path in sorted(folder.glob("shard_*"))[:shards]:
        states, lengths = torch.from_numpy(np.load(path / "states.npy")), np.load(path / "lengths.npy")
        tokens.extend(states.split(lengths.tolist()))  # type: ignore[no-untyped-call]
        wanted.extend(targets(*wish_of(int(path.name[6:]) * SHARD + row)) for row in range(SHARD))
    return tokens, torch.stack(wanted)
