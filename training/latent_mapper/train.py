"""Train the mapper and write ``model_repository/latent_mapper``.

Run ``python -m training.latent_mapper.train`` after ``training.chain_of_thought``'s ``build`` and ``embed``; about a
minute on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn import functional

from training.latent_mapper.network import Mapper, graph
from training.latent_mapper.pairs import Pairs, load_pairs

TARGET = Path("model_repository/latent_mapper")
BATCH = 128
RATE = 3e-3
STEPS = 2000
"""Chosen, as the rate was, on a tenth of the training's pictures and descriptions: 4000 steps brought nothing more."""
LOOK = 100
"""Steps between losses that are told."""


def train(pairs: Pairs, steps: int, seed: int = 0) -> tuple[Mapper, list[float]]:
    """The mapper after so many steps, and the mean training loss of every `LOOK` of them."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Mapper()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.02 * RATE)
    losses: list[float] = []
    history: list[float] = []
    for step in range(steps):
        batch = pairs.draw(BATCH, generator)
        loss = functional.mse_loss(model(batch.visual), batch.rationale)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % LOOK == 0:
            history.append(float(np.mean(losses[-LOOK:])))
            print(f"{step + 1}/{steps} loss {history[-1]:.6f}", flush=True)
    return model.eval(), history


def predict(model: Mapper, pairs: Pairs) -> torch.Tensor:
    """Rationales of all rows as serving would predict them: from the picture where there is one."""
    training = model.training
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(visual_of(pairs))
    model.train(training)
    return found


def visual_of(pairs: Pairs) -> torch.Tensor:
    """E_v of all rows: the picture's where there is one, else the text's."""
    return torch.where(pairs.pictured[:, None], pairs.pictures, pairs.visual)


def measure(model: Mapper, pairs: Pairs) -> dict[str, float]:
    """Cosine to the teacher's rationales, beside that of their mean, and mean squared error against the variance."""
    found = predict(model, pairs)
    centre = pairs.rationale.mean(0, keepdim=True)
    error = functional.mse_loss(found, pairs.rationale)
    variance = (pairs.rationale - centre).square().mean()
    return {
        "rows": len(pairs),
        "cosine": float(functional.cosine_similarity(found, pairs.rationale).mean()),
        "cosine_of_the_mean": float(functional.cosine_similarity(centre, pairs.rationale).mean()),
        "explained_variance": float(1.0 - error / variance),
    }


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs, held_out = load_pairs()
    model, _ = train(pairs, given.steps)
    found = {"train_rows": len(pairs), "held_out": measure(model, held_out), "steps": given.steps}
    (TARGET / "1").mkdir(parents=True, exist_ok=True)
    onnx.save(graph(model), str(TARGET / "1" / "model.onnx"))
    (TARGET / "metrics.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
