"""The trained captioner as ``model_repository/music_captioner/1``: two graphs, the tokenizer and generation.json.

Both get 8-bit weights (``quantise``). The step, which runs for many requests at once, is made anew for that, and clips
that were trained on are heard for its scales.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from luce.server.music.captions import END, LENGTHS, START
from training.audio_encoder.clips import CACHE
from training.image_generator.export import OPSET, halve_weights
from training.music_captioner import quantise
from training.music_captioner.network import Captioner, Sizes, Step
from training.music_captioner.step_graph import Array
from training.music_captioner.train import RUN, load_captioner

TARGET = quantise.TARGET


def generation(sizes: Sizes) -> dict[str, object]:
    """What ``backends/autoregressive`` reads, but for the cache."""
    return {
        "version": 1,
        "vocabulary_size": sizes.vocabulary,
        "bos": START,
        "eos": END,
        "encoder": {"graph": "encoder.onnx"},
        "condition_inputs": [
            {"name": "audio_tokens", "shape": [sizes.sound[1], sizes.sound[0]]},
            {"name": "tags", "shape": [sizes.labels]},
        ],
        "decoder": {"graph": "decoder.onnx"},
        "max_tokens": {"min": 1, "max": max(LENGTHS) + 4, "default": max(LENGTHS)},
        "max_prefix": 2,
        "sampling": {
            "temperature": {"min": 0, "max": 2, "default": 0},
            "top_k": {"min": 0, "max": sizes.vocabulary, "default": 0},
            "top_p": {"min": 0.01, "max": 1, "default": 0.9},
            "num_beams": {"min": 1, "max": 5, "default": 1},
        },
        "detokenizer": "tokenizer.json",
    }


def _memory_names(layers: int) -> list[str]:
    return [f"heard_{kind}{layer}" for layer in range(layers) for kind in ("keys", "values")]


def encoder_graph(model: Captioner) -> onnx.ModelProto:
    """``audio_tokens`` (1, 16, 256) and ``tags`` (1, k) to the memory's keys and values."""
    sizes = model.sizes
    example = (torch.zeros(1, sizes.sound[1], sizes.sound[0]), torch.zeros(1, sizes.labels))
    return _export(model.memory, example, ["audio_tokens", "tags"], _memory_names(sizes.layers), {})


def decoder_graph(model: Captioner) -> onnx.ModelProto:
    """The step of :class:`training.music_captioner.network.Step`, its weights and tables in float16."""
    sizes = model.sizes
    cache = [f"{kind}{layer}" for layer in range(sizes.layers) for kind in ("keys", "values")]
    memory = _memory_names(sizes.layers)
    rows, time = 2, 8
    example: list[Tensor] = [torch.zeros(rows, 1, dtype=torch.int64), torch.tensor([3, 5])]
    for length in (time, sizes.memory):
        for _ in range(sizes.layers):
            example += [torch.zeros(rows, sizes.head, length), torch.zeros(rows, length, sizes.head)]
    outputs = ["logits", *(f"new_{name}" for name in cache)]
    axes = {name: {0: "rows"} for name in ("tokens", "position", *memory, *outputs)}
    axes |= {name: {0: "rows", 2 if name.startswith("keys") else 1: "time"} for name in cache}
    return halve_weights(_export(Step(model), tuple(example), ["tokens", "position", *cache, *memory], outputs, axes))


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "graph.onnx"
        # The exporter that needs no further package is told to be on its way out.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
        return onnx.load(str(path))


def write(model: Captioner, tokenizer: Path, heard: Mapping[str, Array], target: Path = TARGET) -> None:
    """Write everything that is served; ``heard`` as in :func:`training.music_captioner.quantise.write`."""
    target.mkdir(parents=True, exist_ok=True)
    quantise.write_encoder(encoder_graph(model), target)
    (target / "generation.json").write_text(json.dumps(generation(model.sizes), indent=1) + "\n", encoding="utf-8")
    quantise.write(decoder_graph(model), heard, target)
    if tokenizer.resolve() != (target / "tokenizer.json").resolve():
        shutil.copyfile(tokenizer, target / "tokenizer.json")


def main() -> None:
    """Export the averaged captioner of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the clips")
    options = parser.parse_args()
    heard = quantise.known_sounds(options.cache)
    write(load_captioner(options.run), options.run / "tokenizer.json", heard, options.target)


if __name__ == "__main__":
    main()
