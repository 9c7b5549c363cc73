"""Train the metre classifier and write ``luce/server/music/metre_weights.npz``.

Run ``python -m training.metre.train --data FOLDER``, where FOLDER holds ``pop909``, ``nottingham``, ``midi_classical``
and ``vgmidi``; about three minutes on one core. ``python -m training.evaluate.music_analysis`` tells how good it is.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, dropout

from luce.server.music.metre import METRES, RATIOS
from luce.server.music.spectra import FloatArray
from training.evaluate.music_analysis import POP_SONGS, TUNES
from training.metre.dataset import (
    Examples,
    classical_stretches,
    collect,
    folk_stretches,
    made_up_stretches,
    pop_stretches,
)

_TARGET = Path(__file__).resolve().parents[2] / "luce" / "server" / "music" / "metre_weights.npz"
MEMBERS, HIDDEN, STEPS, BATCH = 4, 32, 800, 256


def fit(examples: Examples, seed: int = 0) -> dict[str, FloatArray]:
    """Train an ensemble of perceptrons with two heads; every source and metre has its say by the root of its size."""
    torch.manual_seed(seed)
    mean = examples.features.mean(axis=0)
    scale = np.maximum(examples.features.std(axis=0), 1e-3)
    rows = torch.from_numpy(np.clip((examples.features - mean) / scale, -4, 4))
    metres, ratios = torch.from_numpy(examples.metre), torch.from_numpy(examples.ratio)
    groups = list(zip(examples.source, examples.metre, strict=True))
    sizes = Counter(groups)
    weights = torch.tensor([1 / np.sqrt(sizes[group]) for group in groups])
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
        inputs = dropout(rows[chosen].view(MEMBERS, BATCH, width), 0.1)
        hidden = dropout(torch.tanh(inputs @ parameters["inner"] + parameters["inner_bias"]), 0.3)
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


def main() -> None:
    """Gather examples, train, write."""
    parser = argparse.ArgumentParser(description="Train the metre classifier.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=_TARGET)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    stretches = itertools.chain(
        pop_stretches(options.data, POP_SONGS),
        folk_stretches(options.data, TUNES, generator),
        classical_stretches(options.data, generator),
        made_up_stretches(generator),
    )
    examples = collect(stretches, generator)
    print(Counter(zip(examples.source.tolist(), (METRES[index] for index in examples.metre), strict=True)))
    np.savez(options.output, **fit(examples))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
