"""The metre network in torch, as it is trained; ``luce.server.music.metre_network`` is the same in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.music.metre import METRES, RATIOS
from luce.server.music.metre_features import FEATURE_COUNT
from luce.server.music.metre_layout import ROWS
from luce.server.music.metre_network import FEWEST, MARK_LAGS


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network.

    Attributes:
        width: channels.
        depth: dilated convolutions, over 3 frames 1, 2, 4 and so on apart.
        looks: of the attention that pools frames.
        known: units for the features.
        hidden: units before the answer.
        dropout: of the hidden ones while training.
    """

    width: int = 40
    depth: int = 7
    looks: int = 4
    known: int = 48
    hidden: int = 64
    dropout: float = 0.4


class MetreNet(nn.Module):
    """Layouts, masks and features to logits and marks."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.stem = nn.Conv1d(ROWS, width, 7, stride=2, padding=3)
        reaches = [2**level for level in range(sizes.depth)]
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in reaches)
        self.mixes = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in reaches)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(sizes.depth + 1))
        self.marks, self.attention = nn.Conv1d(width, 2, 1), nn.Conv1d(width, sizes.looks, 1)
        self.known = nn.Linear(FEATURE_COUNT, sizes.known)
        pooled = width * (1 + sizes.looks) + 2 * len(MARK_LAGS) + sizes.known
        self.hidden = nn.Linear(pooled, sizes.hidden)
        self.out = nn.Linear(sizes.hidden, len(METRES) + len(RATIOS))
        self.dropout, self.channels, self.features = nn.Dropout(sizes.dropout), nn.Dropout1d(0.1), nn.Dropout(0.2)

    def forward(self, layout: Tensor, mask: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 12) of metres and ratios, and of beats and first beats in each frame, (B, 2, T / 2).

        Args:
            layout: (B, 29, T).
            mask: (B, T / 2), 1 in frames of the piece and 0 behind its end.
            features: (B, 242), standardised and clipped.
        """
        wide = mask[:, None]
        states = functional.gelu(self.stem(layout)) * wide
        for norm, convolution, mix in zip(self.norms, self.convolutions, self.mixes, strict=False):
            normed = norm(states.transpose(1, 2)).transpose(1, 2) * wide
            states = (states + self.channels(mix(functional.gelu(convolution(normed))))) * wide
        states = self.norms[-1](states.transpose(1, 2)).transpose(1, 2)
        marks = self.marks(states)
        count = mask.sum(1, keepdim=True)
        looked = torch.softmax(self.attention(states) - 1e4 * (1 - wide), 2)
        parts = [
            (states * wide).sum(2) / count,
            torch.einsum("bct,bkt->bkc", states, looked).flatten(1),
            *_repeated(torch.sigmoid(marks) * wide, wide, count),
            torch.tanh(self.known(self.features(features))),
        ]
        return self.out(self.dropout(functional.gelu(self.hidden(self.dropout(torch.cat(parts, 1)))))), marks


def _repeated(marks: Tensor, wide: Tensor, count: Tensor) -> list[Tensor]:
    centred = (marks - marks.sum(2, keepdim=True) / count[:, None]) * wide
    energy = centred.square().sum(2) + 1e-3
    return [
        (centred[:, :, lag:] * centred[:, :, :-lag]).sum(2) / energy * (count / (count - lag).clamp(min=FEWEST))
        if lag < centred.shape[2]
        else torch.zeros_like(energy)
        for lag in MARK_LAGS
    ]
