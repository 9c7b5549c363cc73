"""Export the trained diffusion for serving: ``python -m training.embed_diffusion.export``.

Writes denoiser.onnx (8 bits), decoder.onnx and pipeline.json to ``model_repository/embed_diffusion/1``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx

from training.embed_diffusion.network import Denoiser, decoder_graph, denoiser_graph
from training.embed_diffusion.schedule import TRAIN_STEPS
from training.embed_diffusion.train import RUN, State, resume
from training.latent_mapper.network import WIDTH

TARGET = Path("model_repository/embed_diffusion/1")
STEPS = 6
GUIDANCE = 1.0
PIPELINE: dict[str, object] = {
    "version": 1,
    "condition_inputs": [{"name": "visual", "shape": [WIDTH]}, {"name": "rationale", "shape": [WIDTH]}],
    "denoiser": {"graph": "denoiser.onnx", "prediction_type": "sample"},
    "decoder": {"graph": "decoder.onnx", "scale_factor": 1},
    "latent_shape": [WIDTH],
    "schedulers": ["dpm_multistep", "ddpm", "ddim"],
    "noise_schedule": {"betas": "cosine", "train_steps": TRAIN_STEPS},
    "steps": {"min": 1, "max": 200, "default": STEPS},
    "guidance_scale": {"min": 0, "max": 10, "default": GUIDANCE},
}
"""What backends/diffusion reads. ``ddpm`` with 200 steps is the published sampler."""


def export(state: State, target: Path = TARGET) -> None:
    """Write the averaged weights of a diffusion."""
    if not isinstance(state.average, Denoiser):
        raise ValueError("only a diffusion can be served")
    target.mkdir(parents=True, exist_ok=True)
    onnx.save(denoiser_graph(state.average), str(target / "denoiser.onnx"))
    decoder = decoder_graph(state.mean.numpy(), state.deviation.numpy())
    onnx.save(decoder, str(target / "decoder.onnx"))
    (target / "pipeline.json").write_text(json.dumps(PIPELINE, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Export a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=("full", "unreasoned"), default="full")
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    state = resume(given.variant, None, given.run)
    if state is None:
        raise SystemExit("nothing is trained yet: python -m training.embed_diffusion.train")
    export(state, given.target)


if __name__ == "__main__":
    main()
