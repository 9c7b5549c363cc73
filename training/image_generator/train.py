"""Train the denoiser, on a CPU or a GPU, in slices that can be stopped and resumed.

`python -m training.image_generator.train` draws its own data beside the training, starts at 32 x 32 pixels, where a
step costs a quarter, and goes on at 64 x 64. Run it again to resume. Everything it writes lies in `--run` and `--data`.
"""

from __future__ import annotations

import argparse
import copy
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.checkpoints import load_checkpoint, save_checkpoint
from training.image_generator.data import HELD_OUT, Pictures, wish_of
from training.image_generator.folders import DATA, RUN
from training.image_generator.model import Denoiser
from training.image_generator.reader import captions_of, train_reader
from training.image_generator.sampler import sample
from training.image_generator.text import TextEncoder
from training.image_generator.warm_start import load_weights
from training.painter.sheet import tile

DROPOUT = 0.12
"""Share of pictures trained without their caption, for classifier-free guidance (Ho and Salimans 2022)."""
READER_SHARDS = 10
"""Shards whose captions teach the attribute reader."""
EMA_DECAY = 0.999
"""Decay a step of the average of the weights."""
EMA_EVERY = 5
"""Steps between updates of the average: it costs as much as a tenth of a step on a CPU."""


@dataclass(frozen=True)
class Plan:
    """How far to train.

    Attributes:
        samples: pictures seen in all.
        small: of these, the first so many at 32 x 32.
        rate: peak learning rate.
        decay_from: share of `samples` after which the rate falls (cosine) to a twentieth.
    """

    samples: int = 500_000
    small: int = 220_000
    rate: float = 6e-4
    decay_from: float = 0.85

    def learning_rate(self, seen: int) -> float:
        """The rate after `seen` pictures: linear warm-up, flat, cosine."""
        warm = min(1.0, (seen + 1) / 10_000)
        late = max(0.0, seen / self.samples - self.decay_from) / (1.0 - self.decay_from)
        return self.rate * warm * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, late))))


class Trainer:
    """Model, averaged model, optimiser and the count of pictures seen."""

    def __init__(self, run: Path, data: Path, plan: Plan, device: str, *, warm: bool = False) -> None:
        self.run, self.data, self.plan, self.device = run, data, plan, torch.device(device)
        torch.manual_seed(0)
        self.model = Denoiser().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        learned = [p for p in self.model.parameters() if p.requires_grad]
        decays, plain = [p for p in learned if p.ndim > 1], [p for p in learned if p.ndim <= 1]
        groups = [{"params": decays, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99), fused=True)
        self.seen = self.steps = 0
        self.pictures, self.held_out = Pictures(data), Pictures(data, held_out=True)
        self.encoder = TextEncoder()
        nothing = self.encoder([""])
        self.empty_states = torch.from_numpy(nothing.states.astype(np.float32))
        self.empty_pooled = torch.from_numpy(nothing.pooled.astype(np.float32))
        self._resume(warm)

    def _resume(self, warm: bool) -> None:
        found = load_checkpoint(self.run / "checkpoint")
        if found is None and warm:
            weights = load_weights()
            for model in (self.model, self.average):
                model.load_state_dict(weights)
            return
        if found is None:
            reader, right = train_reader(*captions_of(self.data, READER_SHARDS))
            print(f"attribute reader: {right:.4f} of the held-out captions' parts read", flush=True)
            for model in (self.model, self.average):
                model.condition.reader.load_state_dict(reader.state_dict())
            return
        tensors, state = found
        self.seen, self.steps = int(state["seen"]), int(state["steps"])
        self.model.load_state_dict({n[6:]: t for n, t in tensors.items() if n.startswith("model.")})
        self.average.load_state_dict({n[8:]: t.float() for n, t in tensors.items() if n.startswith("average.")})
        for name, parameter in self._learned():
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(self.steps), device=self.device),
                "exp_avg": torch.empty_like(parameter).copy_(tensors[f"first.{name}"]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(tensors[f"second.{name}"]),
            }

    def _learned(self) -> list[tuple[str, torch.nn.Parameter]]:
        """The named parameters that are not frozen."""
        return [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]

    def save(self) -> None:
        """Write the checkpoint: weights in float32, their average and Adam's moments in bfloat16."""
        tensors = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        tensors |= {f"average.{n}": t.half() for n, t in self.average.state_dict().items()}
        for name, parameter in self._learned():
            moments = self.optimiser.state[parameter]
            tensors[f"first.{name}"] = moments["exp_avg"].bfloat16()
            tensors[f"second.{name}"] = moments["exp_avg_sq"].bfloat16()
        save_checkpoint(self.run / "checkpoint", tensors, {"seen": self.seen, "steps": self.steps})

    def _batch(self, source: Pictures, rng: np.random.Generator, count: int, size: int) -> tuple[Tensor, ...]:
        pictures, states, mask, pooled = source.batch(rng, count)
        image = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
        if size < image.shape[-1]:
            image = functional.avg_pool2d(image, image.shape[-1] // size)
        told = [torch.from_numpy(states.astype(np.float32)), torch.from_numpy(mask), torch.from_numpy(pooled).float()]
        return tuple(part.to(self.device) for part in (image, *told))

    def loss(self, model: Denoiser, batch: tuple[Tensor, ...], noise: Tensor, t: Tensor) -> Tensor:
        """Mean squared error of the velocity."""
        image, states, mask, pooled = batch
        at = t.view(-1, 1, 1, 1)
        x = ((1.0 - at) * noise + at * image).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            velocity = model(x, t, states, mask, pooled)
        return (velocity.float() - (image - noise)).square().mean()  # type: ignore[no-any-return]

    def step(self, rng: np.random.Generator, count: int, size: int) -> float:
        """One update."""
        image, states, mask, pooled = self._batch(self.pictures, rng, count, size)
        untold = torch.from_numpy(np.flatnonzero(rng.random(count) < DROPOUT))
        length = self.empty_states.shape[0]
        states[untold, :length] = self.empty_states.to(self.device)
        mask[untold] = 0.0
        mask[untold, :length] = 1.0
        pooled[untold] = self.empty_pooled.to(self.device)
        t = torch.sigmoid(torch.randn(count, device=self.device) * 1.1 - 0.3)
        loss = self.loss(self.model, (image, states, mask, pooled), torch.randn_like(image), t)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate(self.seen)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.seen, self.steps = self.seen + count, self.steps + 1
        if self.steps % EMA_EVERY:
            return loss.item()
        decay = min(EMA_DECAY, (1 + self.steps) / (10 + self.steps)) ** EMA_EVERY
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1.0 - decay)
        return loss.item()

    @torch.no_grad()
    def validation_loss(self, size: int, batches: int = 12) -> float:
        """Loss of the averaged model on held-out pictures with fixed noise and times."""
        rng, generator = np.random.default_rng(1), torch.Generator().manual_seed(1)
        total = 0.0
        for _ in range(batches):
            batch = self._batch(self.held_out, rng, 32, size)
            noise = torch.randn(batch[0].shape, generator=generator).to(self.device)
            t = ((torch.arange(32) + 0.5) / 32).to(self.device)
            total += self.loss(self.average, batch, noise, t).item()
        return total / batches

    def sheet(self, size: int) -> Path:
        """Draw held-out prompts with the averaged model; returns the picture's path."""
        prompts = [wish_of(HELD_OUT * 1500 + row)[1] for row in range(32)]
        pictures = sample(self.average, self.encoder, prompts, size=size)
        pixels = pictures.clamp(-1, 1).add(1).mul(127.5).byte().permute(0, 2, 3, 1).cpu().numpy()
        path = self.run / f"sheet_{self.seen // 1000:05d}k.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        tile(list(pixels.repeat(2, axis=1).repeat(2, axis=2)), 8).save(path)
        return path


def main() -> None:
    """Train until the plan is fulfilled or the slice is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="length of this slice")
    parser.add_argument("--samples", type=int, default=Plan.samples, help="pictures to see in all")
    parser.add_argument("--small", type=int, default=Plan.small, help="of these, at 32 x 32")
    parser.add_argument("--batch", type=int, default=16, help="at 64 x 64")
    parser.add_argument("--small-batch", type=int, default=24, help="at 32 x 32")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shards", type=int, default=24, help="shards of 1500 pictures to draw")
    parser.add_argument("--first-shard", type=int, default=0, help="the first of them; others are other pictures")
    parser.add_argument("--warm-start", action="store_true", help="begin with the weights of the committed model")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    module = [sys.executable, "-m", "training.image_generator.data", "--folder", str(arguments.data), "--shards"]
    subprocess.run([*module, f"{HELD_OUT}:{HELD_OUT + 1}"], check=True)
    first = arguments.first_shard + min(1 if arguments.warm_start else READER_SHARDS, arguments.shards)
    subprocess.run([*module, f"{arguments.first_shard}:{first}"], check=True)
    painter = subprocess.Popen([*module, f"{first}:{arguments.first_shard + arguments.shards}"])
    try:
        _train(arguments)
    finally:
        painter.terminate()
        painter.wait(timeout=30)


def _train(arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    plan = Plan(arguments.samples, arguments.small, arguments.rate)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(arguments.run, arguments.data, plan, device, warm=arguments.warm_start)
    rng = np.random.default_rng(trainer.seen)
    losses: list[float] = []
    lap, size = time.monotonic(), 64
    while trainer.seen < plan.samples and time.monotonic() - start < arguments.seconds:
        size = 32 if trainer.seen < plan.small else 64
        count = arguments.small_batch if size == 32 else arguments.batch
        losses.append(trainer.step(rng, count, size))
        if len(losses) == 200:
            rate = 200 * count / (time.monotonic() - lap)
            print(f"{trainer.seen} {size}px loss {np.mean(losses):.4f} {rate:.0f}/s", flush=True)
            losses, lap = [], time.monotonic()
            trainer.pictures.refresh()
    trainer.save()
    print(f"held-out loss {trainer.validation_loss(size):.4f} {trainer.sheet(size)}", flush=True)


if __name__ == "__main__":
    main()
