"""Train EmbedDiff, or one of the ablations that CoT-VTM's table 4 compares it with; run again to resume.

``python -m training.embed_diffusion.train`` after ``training.latent_mapper.train``. Variants:

    full        E_m by diffusion, given E_v and E_r (served)
    unreasoned  E_m by diffusion, given E_v alone: "E_v → EmbedDiff → E_m"
    regression  E_m by a perceptron from E_v and E_r: "E_v → MLP → E_r → MLP → E_m"
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.checkpoints import load_checkpoint, save_checkpoint
from training.embed_diffusion.network import Denoiser
from training.embed_diffusion.schedule import TRAIN_STEPS, kept_variance
from training.latent_mapper.crossed import crossed
from training.latent_mapper.network import WIDTH, Mapper
from training.latent_mapper.pairs import Batch, Pairs, load_pairs

RUN = Path("training/runs/embed_diffusion")
VARIANTS = ("full", "unreasoned", "regression")
BATCH = 128
RATE = 8e-4
GUIDANCE_DROPOUT = 0.1
STEPS = 2000
"""Chosen on a tenth of the training's pictures and descriptions: after 4000 the Fréchet distance was larger again."""
TEACHER_SHARE = 0.3
"""Rows that see the teacher's own rationale; the others see what a mapper predicts that does not know them, as in
serving: so the Fréchet distance on that tenth was 20.2 instead of 22.4, P@10 36.6 instead of 40.0 %."""
EMA_DECAY = 0.99
EMA_EVERY = 5
"""Steps between updates of the average."""


@dataclass
class State:
    """What a run has come to.

    Attributes:
        model: trained weights.
        average: their moving average, which is served.
        mean: (384,), of the training's E_m.
        deviation: (384,), likewise.
        step: steps taken.
    """

    model: nn.Module
    average: nn.Module
    mean: Tensor
    deviation: Tensor
    step: int = 0
    losses: list[float] = field(default_factory=list)


def new_model(variant: str) -> nn.Module:
    """An untrained model of a variant."""
    return Mapper(2 * WIDTH) if variant == "regression" else Denoiser()


def resume(variant: str, pairs: Pairs | None, run: Path = RUN) -> State | None:
    """The state of a run, or a new one from the training rows; None where there is neither."""
    torch.manual_seed(0)
    model = new_model(variant)
    found = load_checkpoint(run / variant)
    if found is not None:
        tensors, told = found
        model.load_state_dict(_part(tensors, "model."))
        average = copy.deepcopy(model)
        average.load_state_dict(_part(tensors, "average."))
        return State(model, average.eval(), tensors["mean"], tensors["deviation"], told["step"], told["losses"])
    if pairs is None:
        return None
    mean, deviation = pairs.music.mean(0), pairs.music.std(0).clamp(min=1e-3)
    return State(model, copy.deepcopy(model).eval(), mean, deviation)


def train(state: State, variant: str, pairs: Pairs, steps: int, seconds: float) -> None:
    """Go on to `steps` steps in all, or for `seconds`."""
    generator = torch.Generator().manual_seed(1000 + state.step)
    torch.manual_seed(state.step)
    optimiser = torch.optim.AdamW(state.model.parameters(), lr=RATE, weight_decay=0.02, betas=(0.9, 0.99), fused=True)
    kept, mapper = torch.from_numpy(kept_variance().astype(np.float32)), crossed(pairs, RUN / "mappers.pt")
    started = time.monotonic()
    state.model.train()
    while state.step < steps and time.monotonic() - started < seconds:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(state.step, steps)
        batch = pairs.draw(BATCH, generator)
        loss = _loss(state, variant, batch, mapper, kept, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        state.step += 1
        if state.step % EMA_EVERY == 0:
            decay = min(EMA_DECAY, state.step / (state.step + 10.0 * EMA_EVERY))
            with torch.no_grad():
                for slow, fast in zip(state.average.parameters(), state.model.parameters(), strict=True):
                    slow.lerp_(fast, 1.0 - decay)
        if state.step % 100 == 0:
            state.losses.append(round(float(loss.detach()), 5))
            print(
                f"{variant} {state.step}/{steps} loss {float(loss.detach()):.4f} {time.monotonic() - started:.0f} s",
                flush=True,
            )


def learning_rate(step: int, steps: int) -> float:
    """Warm-up over 100 steps, then a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / 100)
    return RATE * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps))))


def _loss(
    state: State,
    variant: str,
    batch: Batch,
    mapper: Callable[[Batch], Tensor],
    kept: Tensor,
    generator: torch.Generator,
) -> Tensor:
    count = len(batch.visual)
    clean = (batch.music - state.mean) / state.deviation
    taught = torch.rand(count, 1, generator=generator) < TEACHER_SHARE
    rationale = torch.where(taught, batch.rationale, mapper(batch))
    if variant == "regression":
        return functional.mse_loss(state.model(torch.cat([batch.visual, rationale], 1)) * WIDTH**0.5, clean)
    if variant == "unreasoned":
        rationale = torch.zeros_like(rationale)
    given = (torch.rand(count, 1, generator=generator) >= GUIDANCE_DROPOUT).float()
    steps = torch.randint(TRAIN_STEPS, (count,), generator=generator)
    signal = kept[steps][:, None]
    noise = torch.randn(clean.shape, generator=generator)
    noisy = signal.sqrt() * clean + (1.0 - signal).sqrt() * noise
    found = state.model(noisy, steps, batch.visual * given, rationale * given)
    return functional.mse_loss(found, clean)


def save(state: State, variant: str, run: Path = RUN) -> None:
    """Write the state where `resume` finds it."""
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    tensors |= {"mean": state.mean, "deviation": state.deviation}
    told: dict[str, Any] = {"step": state.step, "losses": state.losses}
    save_checkpoint(run / variant, tensors, told)


def main() -> None:
    """Train one variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=VARIANTS, default="full")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the whole run")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end the slice after this time")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs, _ = load_pairs()
    state = resume(given.variant, pairs)
    if state is None:
        raise AssertionError("rows were given")
    train(state, given.variant, pairs, given.steps, given.seconds)
    save(state, given.variant)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


if __name__ == "__main__":
    main()
