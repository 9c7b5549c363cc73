"""The committed graphs' weights as a composer again: checkpoints are not kept, so training goes on from the export.

The exporter renames what it folds: a linear layer's weight comes transposed and anonymous. So a composer of noise is
exported the same way, and each of its parameters is looked for among its own graphs' constants; the constant at that
place of the committed graphs is the one of that parameter.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from training.midi_composer.export import write_decoder, write_encoder
from training.midi_composer.folders import OUTPUT
from training.midi_composer.model import Composer, ComposerConfig

Array = npt.NDArray[np.float32]


def load_weights(folder: Path = OUTPUT, config: ComposerConfig | None = None) -> dict[str, Tensor]:
    """The state of a `Composer` from its exported graphs.

    Raises:
        ValueError: The files are no export of this network.
    """
    probe = Composer(config or ComposerConfig())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in probe.state_dict().values():
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    with tempfile.TemporaryDirectory() as scratch:
        write_encoder(probe, Path(scratch) / "encoder.onnx")
        write_decoder(probe, Path(scratch) / "decoder.onnx")
        marks = [*_constants(Path(scratch) / "encoder.onnx"), *_constants(Path(scratch) / "decoder.onnx")]
    stored = [*_constants(folder / "encoder.onnx"), *_constants(folder / "decoder.onnx")]
    if [mark.shape for mark in marks] != [value.shape for value in stored]:
        raise ValueError(f"{folder}: {len(stored)} weights that are not those of the network")
    places = {_mark(mark): place for place, mark in enumerate(marks)}
    factor = np.float32(probe.config.width**-0.5)
    found: dict[str, Tensor] = {}
    for name, tensor in probe.state_dict().items():
        plain = tensor.float().numpy()
        # The scale of the logits is folded into one constant with the width.
        shown = plain * factor if name == "scale" else plain
        place = places.get(_mark(shown), places.get(_mark(shown.T)))
        if place is None:
            raise ValueError(f"{folder}: no weight for {name}")
        value = stored[place] if _mark(shown) in places else stored[place].T
        value = value.reshape(plain.shape)
        if name == "scale":
            value = (value / factor).astype(np.float32)
        found[name] = torch.from_numpy(np.ascontiguousarray(value)).to(tensor.dtype)
    return found


def _constants(path: Path) -> list[Array]:
    graph = onnx.load(str(path)).graph
    nodes = [node.attribute[0].t for node in graph.node if node.op_type == "Constant"]
    arrays = [numpy_helper.to_array(tensor) for tensor in (*graph.initializer, *nodes)]
    return [array.astype(np.float32) for array in arrays if np.issubdtype(array.dtype, np.floating)]


def _mark(values: Array) -> bytes:
    """What a weight of noise is known by; float16 for the sake of what is stored as such."""
    return str(values.shape).encode() + values.astype(np.float16).tobytes()
