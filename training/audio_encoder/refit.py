"""Fit the labels' head anew on what the trained network hears: ``python -m training.audio_encoder.refit``.

The head is small beside the network and can see each sound many more times; it is trained without weights for
positives, so its probabilities need no correction. The epoch with the least loss on the split "dev" is kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.music.tags import tags
from training.audio_encoder.clips import CACHE, Clips, load
from training.audio_encoder.network import AudioEncoder, Sizes
from training.audio_encoder.train import RUN, Material
from training.checkpoints import load_checkpoint, save_checkpoint

_DROPOUT, _BATCH = 0.35, 256


def heard(model: AudioEncoder, mel: Tensor) -> Tensor:
    """What the head reads (B, P) of windows in dB."""
    with torch.inference_mode():
        return model.hear(mel)[1].squeeze(2).clone()


def drawn(model: AudioEncoder, material: Material, count: int) -> tuple[Tensor, Tensor]:
    """What the head reads, and labels, of as many altered, mixed and ensemble windows."""
    inputs, labels = [], []
    for start in range(0, count, 64):
        batch = material.batch(64, torch.Generator().manual_seed(7_000_000 + start))
        inputs.append(heard(model, batch[0]))
        labels.append(batch[1])
    return torch.cat(inputs), torch.cat(labels)


def plain(model: AudioEncoder, clips: Clips) -> tuple[Tensor, Tensor]:
    """The same of clips as they are."""
    mel = torch.from_numpy(clips.mel)
    inputs = [heard(model, mel[start : start + 64].float() / 2.5 - 100) for start in range(0, len(clips), 64)]
    return torch.cat(inputs), torch.from_numpy(clips.labels).float()


def loss_of(logits: Tensor, labels: Tensor, emphasis: Tensor) -> Tensor:
    """Cross-entropy over the known labels."""
    known = torch.isfinite(labels) * emphasis
    each = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    return (each * known).sum() / known.sum()


def fit(
    train: tuple[Tensor, Tensor], dev: tuple[Tensor, Tensor], emphasis: Tensor, hidden: int, epochs: int
) -> nn.Sequential:
    """The best head: standardisation, a hidden layer, logits."""
    norm = nn.BatchNorm1d(train[0].shape[1], affine=False)
    norm.running_mean, norm.running_var = train[0].mean(dim=0), train[0].var(dim=0)
    head = nn.Sequential(nn.Linear(train[0].shape[1], hidden), nn.ReLU(), nn.Linear(hidden, train[1].shape[1]))
    inputs, known = norm.eval()(train[0]), norm(dev[0])
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    best, kept = float("inf"), {name: value.clone() for name, value in head.state_dict().items()}
    for epoch in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs)), _BATCH):
            batch = functional.dropout(inputs[rows], _DROPOUT)
            middle = functional.dropout(functional.relu(head[0](batch)), _DROPOUT)
            loss = loss_of(head[2](middle), train[1][rows], emphasis)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        with torch.inference_mode():
            error = float(loss_of(head(known), dev[1], emphasis))
        print(json.dumps({"epoch": epoch, "train": round(float(loss), 4), "dev": round(error, 4)}), flush=True)
        if error < best:
            best, kept = error, {name: value.clone() for name, value in head.state_dict().items()}
    head.load_state_dict(kept)
    return nn.Sequential(norm, *head)


def fold(head: nn.Sequential) -> dict[str, Tensor]:
    """The head's weights with the standardisation in them, by the names of the network."""
    norm, first, _, last = head
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    scale = (norm.running_var + norm.eps).rsqrt()
    weight = first.weight.detach() * scale
    return {
        "hidden.weight": weight.unsqueeze(2),
        "hidden.bias": first.bias.detach() - weight @ norm.running_mean,
        "labels.weight": last.weight.detach().unsqueeze(2),
        "labels.bias": last.bias.detach(),
    }


def main() -> None:
    """Fit, and write the run's checkpoint with the new head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--samples", type=int, default=16000, help="altered windows that are heard")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    found = load_checkpoint(options.run / "checkpoint")
    if found is None:
        raise SystemExit(f"{options.run}/checkpoint: nothing trained yet")
    tensors, state = found
    model = AudioEncoder(Sizes(labels=len(tags().entries)))
    model.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("average.")})
    model.eval()
    clips = load(options.cache)
    train = clips.select(clips.split == "train")
    # Labels alone are learned: where captions lie is of no account.
    material = Material.of(train, np.zeros((len(train), 1, model.sizes.embedding)), load(options.cache / "stems"))
    emphasis = torch.ones(len(tags().entries))
    emphasis[material.instruments] = 2.0
    altered, as_is = drawn(model, material, options.samples), plain(model, train)
    joined = (torch.cat([altered[0], as_is[0]]), torch.cat([altered[1], as_is[1]]))
    head = fit(joined, plain(model, clips.select(clips.split == "dev")), emphasis, model.sizes.hidden, options.epochs)
    tensors |= {f"average.{name}": value for name, value in fold(head).items()}
    tensors["weight"] = torch.ones(len(tags().entries))
    save_checkpoint(options.run / "checkpoint", tensors, state)


if __name__ == "__main__":
    main()
