"""The trained encoder as ``model_repository/audio_encoder/1/model.onnx``, weights stored in float16."""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from luce.server.music.log_mel import BANDS, FRAMES
from training.audio_encoder.network import AudioEncoder
from training.audio_encoder.train import RUN, load_model
from training.image_generator.export import OPSET, halve_weights

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "model_repository" / "audio_encoder" / "1" / "model.onnx"


class Served(nn.Module):
    """What is served: embedding, token states and the labels' probabilities."""

    def __init__(self, model: AudioEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs, in the order they are named in."""
        embedding, logits, _, tokens = self.model(log_mel)
        return embedding, tokens, logits.sigmoid()


def build(model: AudioEncoder) -> onnx.ModelProto:
    """The graph: ``log_mel`` FP32 (B, 500, 64) to ``embedding``, ``audio_tokens`` and ``tags``."""
    outputs = ["embedding", "audio_tokens", "tags"]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "graph.onnx"
        # The exporter that needs no further package is told to be on its way out.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Served(model).eval(),
            (torch.full((2, FRAMES, BANDS), -60.0),),
            str(path),
            input_names=["log_mel"],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in ("log_mel", *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
        return halve_weights(onnx.load(str(path)))


def write(model: AudioEncoder, target: Path = TARGET) -> None:
    """Write the graph."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(build(model).SerializeToString())


def main() -> None:
    """Export the averaged encoder of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    write(load_model(options.run), options.target)


if __name__ == "__main__":
    main()
