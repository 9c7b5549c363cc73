"""Train the composer, on a CPU or a GPU, in slices that can be stopped and resumed.

Run ``python -m training.midi_composer.train`` after ``training.midi_composer.dataset`` and ``texts``; run it again to
resume. ``--warm-start`` begins from the committed graphs.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.checkpoints import load_checkpoint, save_checkpoint
from training.midi_composer import counts
from training.midi_composer.batches import IGNORED, Batch, Excerpts
from training.midi_composer.context import facts
from training.midi_composer.folders import CACHE, RUN
from training.midi_composer.model import Composer
from training.midi_composer.optimiser import Group, Optimiser
from training.midi_composer.warm_start import load_weights


@dataclass(frozen=True)
class Plan:
    """How far to train.

    Attributes:
        tokens: tokens seen in all.
        batch: tokens a step.
        cooldown: share of `tokens` over which the rates fall to nothing, linearly.
        matrix_rate: peak rate of Muon.
        rate: peak rate of Adam.
        bfloat16: whether matrices are multiplied in bfloat16: faster where the processor does.
    """

    tokens: int = 20_000_000
    batch: int = 4096
    cooldown: float = 0.5
    matrix_rate: float = 0.02
    rate: float = 3e-3
    bfloat16: bool = False

    def factor(self, seen: int) -> float:
        """What the rates are multiplied with after `seen` tokens."""
        warm = min(1.0, (seen + self.batch) / (40 * self.batch))
        return warm * min(1.0, max(0.0, 1 - seen / self.tokens) / self.cooldown)


class Trainer:
    """Model, optimiser and the count of tokens seen."""

    def __init__(self, run: Path, data: Path, plan: Plan, device: str, *, warm: bool = False) -> None:
        self.run, self.plan, self.device = run, plan, torch.device(device)
        torch.manual_seed(0)
        self.model = Composer().to(self.device)
        matrices = [p for p in self.model.blocks.parameters() if p.ndim == 2]
        inside = {id(p) for p in matrices}
        others = [p for p in self.model.parameters() if id(p) not in inside]
        self.optimiser = Optimiser(
            [Group(matrices, plan.matrix_rate, muon=True, decay=0.01), Group(others, plan.rate, muon=False)]
        )
        self.train, self.held_out = Excerpts(data, held_out=False), Excerpts(data, held_out=True)
        self.seen = 0
        found = load_checkpoint(run / "checkpoint")
        if found is not None:
            self._restore(*found)
        elif warm:
            self.model.load_state_dict(load_weights())
        else:
            table, base = counts.load(data / "counts.npz", self.train.tokens, self.train.controls)
            self.model.prior.table.copy_(torch.from_numpy(table))
            self.model.prior.base.copy_(torch.from_numpy(base))

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, int]) -> None:
        self.seen, self.optimiser.steps = int(state["seen"]), int(state["steps"])
        self.model.load_state_dict({n[6:]: t for n, t in tensors.items() if n.startswith("model.")})
        for name, parameter in self.model.named_parameters():
            for kind, held in (("first", self.optimiser.first), ("second", self.optimiser.second)):
                if parameter in held:
                    held[parameter].copy_(tensors[f"{kind}.{name}"])

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for kind, held in (("first", self.optimiser.first), ("second", self.optimiser.second)):
                if parameter in held:
                    tensors[f"{kind}.{name}"] = held[parameter].bfloat16()
        save_checkpoint(self.run / "checkpoint", tensors, {"seen": self.seen, "steps": self.optimiser.steps})

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of the tokens, nats."""
        to = self.device
        controls, asked = batch.controls * batch.asked, batch.asked.to(to)
        with torch.autocast(to.type, torch.bfloat16, enabled=self.plan.bfloat16):
            style = self.model.encoder(batch.emotion.to(to), controls.to(to), batch.embedding.to(to)) * asked
            logits = self.model(batch.features.to(to), style, facts(controls).to(to))
        return functional.cross_entropy(logits.flatten(0, 1), batch.targets.to(to).flatten(), ignore_index=IGNORED)

    def step(self, batch: Batch) -> float:
        """One update."""
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step(self.plan.factor(self.seen))
        self.seen += batch.targets.numel()
        return loss.item()

    @torch.no_grad()
    def validation(self, batches: int = 12) -> float:
        """Loss on held-out pieces, with everything asked."""
        random = np.random.default_rng(1)
        losses = []
        for chosen in self.held_out.epoch(random, self.plan.batch):
            losses.append(self.loss(self.held_out.batch(chosen, None)).item())
            if len(losses) == batches:
                break
        return float(np.mean(losses))


def main() -> None:
    """Train until the plan is fulfilled or the slice is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--data", type=Path, default=CACHE)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="length of this slice")
    parser.add_argument("--tokens", type=int, default=Plan.tokens, help="tokens to see in all (%(default)s)")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="tokens a step (%(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warm-start", action="store_true", help="begin from the committed graphs")
    parser.add_argument("--bfloat16", action="store_true", help="multiply in bfloat16, where the processor does")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    plan = Plan(given.tokens, given.batch, bfloat16=given.bfloat16)
    start = lap = time.monotonic()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(given.run, given.data, plan, device, warm=given.warm_start)
    random = np.random.default_rng(trainer.seen)
    losses: list[float] = []
    begun = trainer.seen
    over = False
    while not over:
        for chosen in trainer.train.epoch(random, plan.batch):
            losses.append(trainer.step(trainer.train.batch(chosen, random)))
            if len(losses) == 20:
                rate = (trainer.seen - begun) / (time.monotonic() - lap)
                print(f"{trainer.seen} loss {np.mean(losses):.4f} {rate:.0f}/s", flush=True)
                losses, lap, begun = [], time.monotonic(), trainer.seen
            over = trainer.seen >= plan.tokens or time.monotonic() - start > given.seconds
            if over:
                break
    trainer.save()
    print(f"{trainer.seen} held-out loss {trainer.validation():.4f}", flush=True)


if __name__ == "__main__":
    main()
