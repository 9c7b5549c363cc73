"""Write ``model_repository/note_transcriber/1/model.onnx`` from the public wheel of basic-pitch.

Fetch the wheel with ``pip download --no-deps basic-pitch==0.4.0``, then run
``python -m training.note_transcriber.convert --wheel basic_pitch-0.4.0-py2.py3-none-any.whl``.
The weights are left as they are; tensors get plain names, the axis of one channel goes, the pitch contour, which
nothing here uses, is no longer an output, and narrow convolutions are widened (:mod:`.phases`): half the time.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from luce.server.music.transcription import PITCHES, WINDOW_FRAMES, WINDOW_SAMPLES
from training.note_transcriber.phases import widen

_ROOT = Path(__file__).resolve().parents[2]
_MEMBER = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
SHA256 = "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"
#: Names in the published graph: input, posterior of notes, posterior of onsets.
_INPUT, _NOTES, _ONSETS = "serving_default_input_2:0", "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"


def convert(published: bytes) -> onnx.ModelProto:
    """The served graph: ``audio`` FP32 (B, 43844) to ``notes`` and ``onsets`` FP32 (B, 172, 88).

    Raises:
        ValueError: the file is not the one that was tested.
    """
    digest = hashlib.sha256(published).hexdigest()
    if digest != SHA256:
        raise ValueError(f"nmp.onnx has SHA-256 {digest}, expected {SHA256}")
    model = onnx.load_from_string(published)
    graph = model.graph
    names = {_NOTES: "notes", _ONSETS: "onsets"}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = names.get(name, name)
        for index, name in enumerate(node.output):
            node.output[index] = names.get(name, name)
    graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), "channel_axis"))
    graph.node.insert(0, helper.make_node("Unsqueeze", ["audio", "channel_axis"], [_INPUT]))
    del graph.input[:], graph.output[:]
    graph.input.append(helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["batch", WINDOW_SAMPLES]))
    for name in ("notes", "onsets"):
        shape: list[str | int | None] = ["batch", WINDOW_FRAMES, PITCHES]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    widen(model)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Read the wheel, convert, write the graph and its licence."""
    parser = argparse.ArgumentParser(description="Convert basic-pitch for serving.")
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "note_transcriber")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        model = convert(wheel.read(_MEMBER))
        folder = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
        notices = {name: wheel.read(f"{folder}/{name}") for name in ("LICENSE", "NOTICE")}
    target = options.output / "1" / "model.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(model.SerializeToString())
    for name, text in notices.items():
        (options.output / name).write_bytes(text)


if __name__ == "__main__":
    main()
