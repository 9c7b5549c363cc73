"""Train the metre classifier and write ``luce/server/music/metre_weights.npz``.

Run ``python -m training.metre.train --data FOLDER``, where FOLDER holds ``pop909``, ``nottingham``, ``midi_classical``
and ``vgmidi``; about half an hour on one core, most of it to render and transcribe some 900 stretches, which are kept.
``python -m training.evaluate.music_analysis`` tells how good it is; what that evaluates on is never learned from.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.nn.functional import cross_entropy, dropout

from luce.server.music.metre import METRES, RATIOS
from luce.server.music.spectra import FloatArray
from training.evaluate.music_analysis import CLASSICAL_FROM, POP_SONGS, TUNES, UNTOUCHED_FROM, UNTOUCHED_TUNES
from training.metre.dataset import (
    Examples,
    classical_stretches,
    collect,
    collect_heard,
    folk_stretches,
    joined,
    made_up_stretches,
    pop_stretches,
)
from training.metre.heard import Skipped, heard_stretches
from training.music_emotion.render import SOUND_FONT

T = TypeVar("T")
_TARGET = Path(__file__).resolve().parents[2] / "luce" / "server" / "music" / "metre_weights.npz"
MEMBERS, HIDDEN, STEPS, BATCH = 6, 64, 1600, 256
#: How much less an example of a large group counts: 0 would have all count alike, 1 all groups.
_EVEN = 0.75
#: What was heard is worth so much more than what was spoiled.
_HEARD_WEIGHT = 3.0
#: Shares of features and of hidden units left out.
_DROPOUT = (0.2, 0.4)


def fit(examples: Examples, seed: int = 0) -> dict[str, FloatArray]:
    """Train an ensemble of perceptrons with two heads; every source and metre has its say."""
    torch.manual_seed(seed)
    mean = examples.features.mean(axis=0)
    scale = np.maximum(examples.features.std(axis=0), 1e-3)
    rows = torch.from_numpy(np.clip((examples.features - mean) / scale, -4, 4))
    metres, ratios = torch.from_numpy(examples.metre), torch.from_numpy(examples.ratio)
    groups = list(zip(examples.source, examples.metre, strict=True))
    sizes = Counter(groups)
    worth = [_HEARD_WEIGHT if str(source).startswith("heard") else 1.0 for source in examples.source]
    weights = torch.tensor([more / sizes[group] ** _EVEN for group, more in zip(groups, worth, strict=True)])
    width, heads = rows.shape[1], len(METRES) + len(RATIOS)
    parameters = {
        "inner": torch.nn.Parameter(torch.randn(MEMBERS, width, HIDDEN) / width**0.5),
        "inner_bias": torch.nn.Parameter(torch.zeros(MEMBERS, 1, HIDDEN)),
        "outer": torch.nn.Parameter(torch.randn(MEMBERS, HIDDEN, heads) * 0.3 / HIDDEN**0.5),
        "outer_bias": torch.nn.Parameter(torch.zeros(MEMBERS, 1, heads)),
    }
    optimiser = torch.optim.AdamW(parameters.values(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        chosen = torch.multinomial(weights, MEMBERS * BATCH, replacement=True)
        inputs = dropout(rows[chosen].view(MEMBERS, BATCH, width), _DROPOUT[0])
        hidden = dropout(torch.tanh(inputs @ parameters["inner"] + parameters["inner_bias"]), _DROPOUT[1])
        logits = (hidden @ parameters["outer"] + parameters["outer_bias"]).flatten(0, 1)
        loss = cross_entropy(logits[:, : len(METRES)], metres[chosen], label_smoothing=0.02)
        loss = loss + cross_entropy(logits[:, len(METRES) :], ratios[chosen], ignore_index=-1, label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    found = {name: value.detach().numpy() for name, value in parameters.items()}
    found["inner_bias"], found["outer_bias"] = found["inner_bias"][:, 0], found["outer_bias"][:, 0]
    return {"mean": mean, "scale": scale, **found}


def progress(items: Iterable[T]) -> Iterator[T]:
    """Tell how many there have been."""
    for count, item in enumerate(items, 1):
        yield item
        if count % 100 == 0:
            print(f"{count} stretches", file=sys.stderr, flush=True)


def main() -> None:
    """Gather examples, train, write."""
    parser = argparse.ArgumentParser(description="Train the metre classifier.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=_TARGET)
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    skipped = Skipped(POP_SONGS, TUNES + UNTOUCHED_TUNES, CLASSICAL_FROM, UNTOUCHED_FROM)
    heard = collect_heard(progress(heard_stretches(options.data, [SOUND_FONT, *options.font], skipped)))
    stretches = itertools.chain(
        pop_stretches(options.data, skipped, generator),
        folk_stretches(options.data, skipped, generator),
        classical_stretches(options.data, skipped, generator),
        made_up_stretches(generator),
    )
    examples = joined(heard, collect(progress(stretches), generator))
    print(Counter(zip(examples.source.tolist(), (METRES[index] for index in examples.metre), strict=True)))
    np.savez(options.output, **fit(examples))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
