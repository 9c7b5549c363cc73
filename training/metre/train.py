"""Train the metre networks and write ``luce/server/music/metre_weights.npz``.

Run ``python -m training.metre.train --data FOLDER``, where FOLDER holds ``pop909``, ``nottingham``, ``midi_classical``
and ``vgmidi``; about an hour on two cores, half of it to render and transcribe some 2,500 stretches, which are kept.
``python -m training.evaluate.music_analysis`` tells how good they are; what that evaluates on is never learned from.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from luce.server.music.metre import METRES
from luce.server.music.metre_layout import BINS
from luce.server.music.metre_network import CLIP
from luce.server.music.spectra import FloatArray
from training.metre.dataset import Example, heard_examples, spoiled_examples, written_stretches
from training.metre.heard import heard_stretches
from training.metre.network import MetreNet, Sizes
from training.metre.pieces import pieces_of
from training.music_emotion.render import SOUND_FONT

T = TypeVar("T")
_TARGET = Path(__file__).resolve().parents[2] / "luce" / "server" / "music" / "metre_weights.npz"
MEMBERS, STEPS, BATCH, RATE = 2, 2400, 64, 2e-3
#: Pulses of an example that are looked at.
_CROP = 72
#: How much less an example of a large group counts: 0 would have all count alike, 1 all groups.
_EVEN = 0.75
#: What was heard is worth so much more than what was spoiled.
_HEARD_WEIGHT = 3.0
#: Written stretches are drawn twice; so many keep the pulse that was followed.
_OWN_PULSE = (1.0, 0.3)
#: Weights of the losses of the ratio and of the marks, and of marks that are there.
_RATIO, _MARKS, _MARKED = 0.7, 1.0, (3.0, 8.0)


class Draws:
    """Batches of examples, altered at random; every source and metre has its say."""

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        self._examples, self._generator = examples, np.random.default_rng(seed)
        features = np.stack([example.features for example in examples])
        self.mean, self.scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
        groups = [(example.source, example.metre) for example in examples]
        sizes = Counter(groups)
        worth = [_HEARD_WEIGHT if source.startswith("heard") else 1.0 for source, _ in groups]
        weights = np.array([more / sizes[group] ** _EVEN for group, more in zip(groups, worth, strict=True)])
        self._weights = weights / weights.sum()

    def __call__(self, count: int, crop: int = _CROP) -> tuple[Tensor, ...]:
        """Layouts, masks, features, marks, metres and ratios."""
        chosen = self._generator.choice(len(self._examples), count, p=self._weights)
        rows = [self._examples[index] for index in chosen]
        bins = crop * BINS
        layouts = np.zeros((count, len(rows[0].layout), bins), np.float32)
        masks, marks = np.zeros((count, bins // 2), np.float32), np.full((count, 2, bins // 2), -1, np.int8)
        for index, row in enumerate(rows):
            size = row.layout.shape[1]
            start = 2 * int(self._generator.integers(0, max(0, size - bins) // 2 + 1))
            length = min(size - start, bins)
            layouts[index, :, :length] = self._altered(row.layout[:, start : start + length].astype(np.float32))
            masks[index, : length // 2] = 1
            marks[index, :, : length // 2] = row.marks[:, start // 2 : (start + length) // 2]
        features = (np.stack([row.features for row in rows]) - self.mean) / self.scale
        return (
            torch.from_numpy(layouts),
            torch.from_numpy(masks),
            torch.from_numpy(np.clip(features, -CLIP, CLIP).astype(np.float32)),
            torch.from_numpy(marks),
            torch.tensor([row.metre for row in rows]),
            torch.tensor([row.ratio for row in rows]),
        )

    def _altered(self, layout: FloatArray) -> FloatArray:
        """Transpose, change the level, and now and then leave out what sounds, the bass or a row of onsets."""
        generator = self._generator
        shift = int(generator.integers(12))
        layout[5:17], layout[17:29] = np.roll(layout[5:17], shift, axis=0), np.roll(layout[17:29], shift, axis=0)
        left_out = generator.random()
        if left_out < 0.1:
            layout[5:17] = 0
        elif left_out < 0.2:
            layout[17:29] = 0
        elif left_out < 0.3:
            layout[int(generator.integers(5))] = 0
        return layout * np.float32(np.exp(generator.normal(0, 0.2)))


def loss_of(network: MetreNet, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross-entropies of metre, ratio and marks."""
    layouts, masks, features, marks, metres, ratios = batch
    logits, marked = network(layouts, masks, features)
    logits, marked = logits.float(), marked.float()
    known = (marks >= 0).float()
    bits = functional.binary_cross_entropy_with_logits(
        marked, marks.clamp(min=0).float(), reduction="none", pos_weight=torch.tensor(_MARKED)[:, None]
    )
    metre = functional.cross_entropy(logits[:, : len(METRES)], metres, label_smoothing=0.05)
    ratio = functional.cross_entropy(logits[:, len(METRES) :], ratios, ignore_index=-1, label_smoothing=0.02)
    # Where no ratio of the batch is known, their mean is NaN.
    ratio = torch.nan_to_num(ratio)
    return metre + _RATIO * ratio + _MARKS * (bits * known).sum() / known.sum().clamp(min=1)


def fit(
    examples: Sequence[Example],
    seed: int = 0,
    *,
    sizes: Sizes | None = None,
    steps: int = STEPS,
    bfloat16: bool = False,
) -> dict[str, FloatArray]:
    """Train one network; its parameters by name, and the mean and scale of the features."""
    torch.manual_seed(seed)
    draws, network = Draws(examples, seed), MetreNet(sizes or Sizes())
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    for step in range(1, steps + 1):
        batch = draws(BATCH)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = loss_of(network, batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: {loss.item():.3f}", file=sys.stderr, flush=True)
    return {"mean": draws.mean, "scale": draws.scale} | {n: p.detach().numpy() for n, p in network.named_parameters()}


def joined(members: Iterable[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    """Weights of several networks as they are kept: ``0.stem.weight`` and so on, float16 but for the scaling."""
    return {
        f"{index}.{name}": value if name in ("mean", "scale") else value.astype(np.float16)
        for index, member in enumerate(members)
        for name, value in member.items()
    }


def progress(items: Iterable[T]) -> Iterator[T]:
    """Tell how many there have been."""
    for count, item in enumerate(items, 1):
        yield item
        if count % 100 == 0:
            print(f"{count} examples", file=sys.stderr, flush=True)


def main() -> None:
    """Gather examples, train, write."""
    parser = argparse.ArgumentParser(description="Train the metre networks.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=_TARGET)
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    parser.add_argument("--bfloat16", action="store_true", help="half as fast again where the processor has it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator, pieces = np.random.default_rng(0), pieces_of(options.data)
    fonts = [SOUND_FONT, *options.font]
    examples = list(progress(heard_examples(heard_stretches(pieces, fonts))))
    for own in _OWN_PULSE:
        examples += progress(spoiled_examples(written_stretches(pieces, generator), generator, own))
    print(Counter((example.source, METRES[example.metre]) for example in examples))
    members = [fit(examples, seed, bfloat16=options.bfloat16) for seed in range(MEMBERS)]
    np.savez(options.output, **joined(members))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
