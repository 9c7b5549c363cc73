"""Make the served step, with 8-bit weights, of a traced one: ``python -m training.music_captioner.quantise``.

What enters each product is looked at while captions of clips that were trained on are written in float32; the greatest
value becomes the end of its scale. The encoder, which runs for one request at a time, finds its scales as it runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

from luce.server.music.captions import END, LENGTHS, START, TOPICS, prefix
from training.audio_encoder.clips import CACHE, load
from training.evaluate.hearing import hear
from training.music_captioner.step_graph import Array, Scale, Shape, build, read

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "model_repository" / "music_captioner" / "1"
#: Length of the cache. A step looks only at what is in use, so one length serves all, and all share a call.
CACHE_LENGTH = 80
#: Clips that are captioned to find the scales.
CLIPS = 400


def cache(shape: Shape) -> dict[str, object]:
    """The served step's cache as ``generation.json`` lists it."""
    names = [f"{kind}{layer}" for layer in range(shape.layers) for kind in ("keys", "values")]
    return {
        "update": "in_place",
        "lengths": [CACHE_LENGTH],
        "tensors": [{"input": name, "output": f"new_{name}", "shape": [1, "time", shape.head]} for name in names],
    }


def scales(traced: onnx.ModelProto, heard: Mapping[str, Array], lengths: tuple[int, ...] = LENGTHS) -> dict[str, Scale]:
    """The scale of what enters each product.

    Args:
        traced: the step.
        heard: what the step's memory is, ``heard_keys0`` (N, head, memory) and so on, of N captions.
        lengths: of the captions, in turn, as are the topics.
    """
    weights, shape = read(traced)
    step = build(weights, shape)
    outputs = [output.name for output in step.model.graph.output]
    entering = sorted(set(step.entering.values()) - set(outputs))
    step.model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in entering)
    session = _session(step.model)
    count = len(next(iter(heard.values())))
    asked = [prefix(TOPICS[row % len(TOPICS)], lengths[row % len(lengths)]) for row in range(count)]
    feeds: dict[str, Array] = dict(heard)
    for name in (name for name in outputs if name.startswith("new_")):
        feeds[name.removeprefix("new_")] = np.zeros((count, 1, CACHE_LENGTH, shape.head), np.float32)
    tokens, least, most = np.full(count, START), dict[str, float](), dict[str, float]()
    for position in range(max(lengths) + 2):
        writing = tokens != END
        if not writing.any():
            break
        feeds |= {"tokens": tokens[:, None], "position": np.full(count, position)}
        found = dict(zip([*outputs, *entering], session.run([*outputs, *entering], feeds), strict=True))
        feeds |= {name.removeprefix("new_"): value for name, value in found.items() if name.startswith("new_")}
        for name in entering:
            least[name] = min(least.get(name, 0.0), float(found[name][writing].min()))
            most[name] = max(most.get(name, 0.0), float(found[name][writing].max()))
        chosen = np.array([row[position] for row in asked]) if position < 2 else found["logits"][:, 0].argmax(axis=-1)
        tokens = np.where(writing, chosen, END).astype(np.int64)
    return {product: scale_of(least[name], most[name]) for product, name in step.entering.items()}


def scale_of(least: float, most: float) -> Scale:
    """The finest scale that holds values from ``least`` to ``most``: around 0, or from 0 on where none is below."""
    if least >= 0:
        return Scale(max(most, 1e-6) / 255, 0)
    return Scale(max(most, -least) / 127, 128)


def memory(encoder: Path, heard: Mapping[str, Array]) -> dict[str, Array]:
    """What the captioner's encoder makes of ``audio_tokens`` and ``tags``, caption by caption."""
    session = onnxruntime.InferenceSession(encoder, _options(), providers=["CPUExecutionProvider"])
    names, inputs = [output.name for output in session.get_outputs()], ("audio_tokens", "tags")
    rows = [session.run(names, {name: heard[name][[row]] for name in inputs}) for row in range(len(heard["tags"]))]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*rows, strict=True), strict=True)}


def write_encoder(traced: onnx.ModelProto, target: Path = TARGET) -> None:
    """Write the served encoder, with 8-bit products whose scale is that of the request's own tensors.

    ``traced`` takes one request at a time, so nobody's scale depends on company.
    """
    kinds = ["MatMul", "Gemm"]
    quantize_dynamic(traced, target / "encoder.onnx", kinds, per_channel=True, weight_type=QuantType.QInt8)


def write(traced: onnx.ModelProto, heard: Mapping[str, Array], target: Path = TARGET) -> None:
    """Write the served step beside the encoder of ``target``, and its cache into ``generation.json``.

    Args:
        traced: the step in float32 or float16.
        heard: ``audio_tokens`` (N, 16, 256) and ``tags`` (N, k) of clips that were trained on.
        target: folder of the model.
    """
    weights, shape = read(traced)
    step = build(weights, shape, scales(traced, memory(target / "encoder.onnx", heard)))
    onnx.save(step.model, target / "decoder.onnx")
    document = json.loads((target / "generation.json").read_text(encoding="utf-8")) | {"cache": cache(shape)}
    (target / "generation.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def known_sounds(folder: Path = CACHE) -> dict[str, Array]:
    """Clips that were trained on, evenly taken, as ``audio_encoder`` hears them."""
    clips = load(folder)
    rows = np.flatnonzero(clips.split == "train")
    return hear(clips.select(rows[:: max(1, len(rows) // CLIPS)]))


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), _options(), providers=["CPUExecutionProvider"])


def main() -> None:
    """Make the step of a traced one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traced", type=Path, required=True, help="the step as `.export` makes it")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    write(onnx.load(options.traced), known_sounds(options.cache), options.target)


if __name__ == "__main__":
    main()
