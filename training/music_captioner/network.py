"""The captioner: a transformer decoder that looks at what the audio encoder heard (Lewis 2020, Doh 2023).

One head for keys and values (Shazeer 2019) keeps the cache small; few wide layers read much weight for each operation,
so that sharing a step is worth it. The memory is 16 token states of sound and 4 of the labels' probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network.

    Attributes:
        vocabulary: tokens.
        labels: of the audio encoder.
        sound: width and number of its token states.
        width: of the decoder; head size and number of heads multiply to it.
        layers: of the decoder.
        hidden: width of a layer's perceptron.
        head: size of a head.
        positions: most tokens of a sequence, start and prefix among them.
        notes: tokens that the labels become.
        dropout: while training.
    """

    vocabulary: int
    labels: int
    sound: tuple[int, int] = (256, 16)
    width: int = 512
    layers: int = 2
    hidden: int = 1024
    head: int = 64
    positions: int = 96
    notes: int = 4
    dropout: float = 0.1

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.width // self.head

    @property
    def memory(self) -> int:
        """Entries that a caption looks at."""
        return self.sound[1] + self.notes


class Memory(nn.Module):
    """What was heard, as keys and values of every layer: computed once for a caption."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.sound = nn.Linear(sizes.sound[0], sizes.width)
        self.labels = nn.Linear(sizes.labels, sizes.width)
        self.notes = nn.Linear(sizes.width, sizes.notes * sizes.width)
        self.places = nn.Parameter(torch.randn(1, sizes.memory, sizes.width) * 0.02)
        self.norm = nn.LayerNorm(sizes.width)
        self.pairs = nn.Linear(sizes.width, 2 * sizes.layers * sizes.head)

    def forward(self, audio_tokens: Tensor, tags: Tensor) -> tuple[Tensor, ...]:
        """Keys (B, head, memory) and values (B, memory, head) of each layer, in turn."""
        notes = self.notes(functional.relu(self.labels(2 * tags - 1)))
        notes = notes.reshape(-1, self.sizes.notes, self.sizes.width)
        found = self.norm(torch.cat([self.sound(audio_tokens), notes], dim=1) + self.places)
        pairs = self.pairs(found).chunk(2 * self.sizes.layers, dim=-1)
        return tuple(part.transpose(1, 2) if index % 2 == 0 else part for index, part in enumerate(pairs))


class Layer(nn.Module):
    """Attention to the text so far, to what was heard, and a perceptron; norms before each."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, head = sizes.width, sizes.head
        self.sizes = sizes
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, width + 2 * head), nn.Linear(width, width)
        self.query, self.out2 = nn.Linear(width, width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, sizes.hidden), nn.Linear(sizes.hidden, width)
        self.dropout = nn.Dropout(sizes.dropout)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, key and value of (..., width)."""
        width, head = self.sizes.width, self.sizes.head
        query, key, value = self.qkv(self.norm1(x)).split([width, head, head], dim=-1)
        return query, key, value

    def heard(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of (B, T, width) to the memory, and the perceptron."""
        batch, time, width = x.shape
        query = self.query(self.norm2(x)).reshape(batch, time * self.sizes.heads, self.sizes.head)
        weights = (query @ keys * self.sizes.head**-0.5).softmax(dim=-1)
        x = x + self.dropout(self.out2((weights @ values).reshape(batch, time, width)))
        result: Tensor = x + self.dropout(self.narrow(functional.relu(self.wide(self.norm3(x)))))
        return result

    def forward(self, x: Tensor, mask: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """A whole text (B, T, width) at once; ``mask`` (T, T) is -inf where a token may not look."""
        batch, time, width = x.shape
        query, key, value = self.split(x)
        query = query.reshape(batch, time, self.sizes.heads, self.sizes.head).transpose(1, 2)
        scores = query @ key.transpose(1, 2).unsqueeze(1) * self.sizes.head**-0.5 + mask
        mixed = (scores.softmax(dim=-1) @ value.unsqueeze(1)).transpose(1, 2).reshape(batch, time, width)
        return self.heard(x + self.dropout(self.out(mixed)), keys, values)


class Captioner(nn.Module):
    """Tokens (B, T) and what was heard to logits (B, T, V)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.memory = Memory(sizes)
        self.words = nn.Embedding(sizes.vocabulary, sizes.width)
        self.places = nn.Embedding(sizes.positions, sizes.width)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self.dropout = nn.Dropout(sizes.dropout)
        nn.init.normal_(self.words.weight, std=0.03)
        nn.init.normal_(self.places.weight, std=0.03)

    def logits(self, x: Tensor) -> Tensor:
        """Scores of the next token; the table of words is shared."""
        result: Tensor = self.norm(x) @ self.words.weight.t()
        return result

    def forward(self, tokens: Tensor, audio_tokens: Tensor, tags: Tensor) -> Tensor:
        """Logits of what follows each token."""
        time = tokens.shape[1]
        memory = self.memory(audio_tokens, tags)
        mask = torch.full((time, time), float("-inf"), device=tokens.device).triu(1)
        x = self.dropout(self.words(tokens) + self.places.weight[:time])
        for index, layer in enumerate(self.layers):
            x = layer(x, mask, memory[2 * index], memory[2 * index + 1])
        return self.logits(x)


class Step(nn.Module):
    """One token of each row against its cache, as ``backends/autoregressive`` wants it (see its README)."""

    def __init__(self, model: Captioner) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, position: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Logits (R, 1, V) and the new key and value of each layer.

        Args:
            tokens: (R, 1).
            position: (R,) entries in the cache.
            tensors: for each layer keys (R, head, time), values (R, time, head), then those of the memory.
        """
        model, sizes, layers = self.model, self.model.sizes, self.model.sizes.layers
        rows = tokens.shape[0]
        x = model.words(tokens) + model.places(position).unsqueeze(1)
        time = torch.arange(tensors[0].shape[2], device=tokens.device)
        closed = torch.where(time < position.unsqueeze(1), 0.0, -1e9).unsqueeze(1)
        new: list[Tensor] = []
        for index, layer in enumerate(model.layers):
            assert isinstance(layer, Layer)
            keys, values = tensors[2 * index], tensors[2 * index + 1]
            query, key, value = layer.split(x)
            query = query.reshape(rows, sizes.heads, sizes.head) * sizes.head**-0.5
            own = query @ key.transpose(1, 2)
            weights = torch.cat([query @ keys + closed, own], dim=2).softmax(dim=-1)
            mixed = weights[:, :, :-1] @ values + weights[:, :, -1:] @ value
            x = x + layer.out(mixed.reshape(rows, 1, sizes.width))
            x = layer.heard(x, tensors[2 * (layers + index)], tensors[2 * (layers + index) + 1])
            new += [key.squeeze(1), value.squeeze(1)]
        return (model.logits(x), *new)
