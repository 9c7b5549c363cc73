"""Export the trained picture model for serving: `python -m training.image_generator.export`.

Writes denoiser.onnx, decoder.onnx (weights stored in float16, computed in float32) and pipeline.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.checkpoints import load_checkpoint
from training.image_generator.decoder import SCALE, Decoder
from training.image_generator.folders import RUN, TARGET
from training.image_generator.model import Denoiser
from training.image_generator.text import MAX_TOKENS

OPSET = 17
PIPELINE: dict[str, object] = {
    "version": 1,
    "text_encoders": [
        {
            "graph": "../../text_encoder/1/model.onnx",
            "tokenizer": "../../text_encoder/1/tokenizer.json",
            "max_length": MAX_TOKENS,
            "padding": "max_length",
            "hidden_states": "token_states",
            "pooled": "sent_emb",
        }
    ],
    "denoiser": {"graph": "denoiser.onnx", "prediction_type": "velocity"},
    "decoder": {"graph": "decoder.onnx", "scale_factor": SCALE, "scaling_factor": 1.0},
    "latent_channels": 3,
    "schedulers": ["flow_match_euler"],
    "default_scheduler": "flow_match_euler",
    "shift": 1.0,
    "size": {"min": 192, "max": 512, "multiple": 32, "default": 256},
    "steps": {"min": 1, "max": 100, "default": 12},
    "guidance_scale": {"min": 0, "max": 15, "default": 2.0},
}
"""What backends/diffusion reads.

Time runs from 0 (noise) to 1 (picture): x_t = (1 - t) noise + t picture, prediction = dx/dt, Euler steps over
t' = t / (t + shift (1 - t)) with t evenly spaced. Prompts are always padded to `max_length`, so that a prompt's result
does not depend on the length of its neighbours'.
"""


def export_denoiser(model: Denoiser, path: Path) -> None:
    """Write the denoiser's graph."""
    example = (
        torch.randn(2, 3, 64, 64),
        torch.tensor([0.25, 0.75]),
        torch.randn(2, MAX_TOKENS, model.config.text),
        torch.ones(2, MAX_TOKENS),
        torch.randn(2, model.config.text),
    )
    names = ["sample", "timestep", "encoder_hidden_states", "encoder_attention_mask", "text_embeds"]
    axes = {
        "sample": {0: "batch", 2: "height", 3: "width"},
        "timestep": {0: "batch"},
        "encoder_hidden_states": {0: "batch", 1: "tokens"},
        "encoder_attention_mask": {0: "batch", 1: "tokens"},
        "text_embeds": {0: "batch"},
        "prediction": {0: "batch", 2: "height", 3: "width"},
    }
    _export(model, example, path, names, "prediction", axes)


def export_decoder(model: Decoder, path: Path) -> None:
    """Write the decoder's graph."""
    axes = {
        "latents": {0: "batch", 2: "height", 3: "width"},
        "image": {0: "batch", 2: "image_height", 3: "image_width"},
    }
    _export(model, (torch.randn(2, 3, 64, 64),), path, ["latents"], "image", axes)


def _export(
    model: nn.Module,
    example: tuple[torch.Tensor, ...],
    path: Path,
    inputs: list[str],
    output: str,
    axes: dict[str, dict[int, str]],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model.eval(),
        example,
        str(path),
        input_names=inputs,
        output_names=[output],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.save(halve_weights(onnx.load(str(path))), str(path))


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 with a cast behind each; ONNX Runtime folds the casts when it loads.

    The sums stay in float32; only the weights are rounded.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 1024:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, name + "_half"))
        casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT, name=name + "_cast"))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    return model


def main() -> None:
    """Export the averaged denoiser and the decoder of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    denoiser, decoder = Denoiser(), Decoder()
    found = load_checkpoint(arguments.run / "checkpoint")
    if found is None:
        raise SystemExit(f"{arguments.run}/checkpoint: nothing trained yet")
    denoiser.load_state_dict({n[8:]: t.float() for n, t in found[0].items() if n.startswith("average.")})
    refined = load_checkpoint(arguments.run / "decoder")
    if refined is not None:
        decoder.load_state_dict(refined[0])
    export_denoiser(denoiser, arguments.target / "denoiser.onnx")
    export_decoder(decoder, arguments.target / "decoder.onnx")
    text = json.dumps(PIPELINE, indent=2) + "\n"
    (arguments.target / "pipeline.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
