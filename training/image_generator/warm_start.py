"""The committed graph's weights as a denoiser again: checkpoints are not kept, so training goes on from the export.

The exporter renames what it folds: a linear layer's weight comes transposed and anonymous, a group norm's as (C, 1, 1).
So a denoiser of noise is exported the same way, and each of its parameters is looked for among its own graph's
initialisers; the weight at that place of the committed graph is the one of that parameter.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from training.image_generator.export import export_denoiser
from training.image_generator.folders import TARGET
from training.image_generator.model import Denoiser, DenoiserConfig

GRAPH = TARGET / "denoiser.onnx"

Array = npt.NDArray[np.float32]


def load_weights(path: Path = GRAPH, config: DenoiserConfig | None = None) -> dict[str, torch.Tensor]:
    """The state of a `Denoiser` from its exported graph, float32 (rounded to float16 where the file holds that).

    Raises:
        ValueError: The file is no export of this network.
    """
    probe = Denoiser(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    with tempfile.TemporaryDirectory() as folder:
        export_denoiser(probe, Path(folder) / "probe.onnx")
        marks = _initialisers(Path(folder) / "probe.onnx")
    stored = _initialisers(path)
    if [mark.shape for mark in marks] != [value.shape for value in stored]:
        raise ValueError(f"{path}: {len(stored)} weights that are not those of the network")
    places = {_mark(mark): place for place, mark in enumerate(marks)}
    found: dict[str, torch.Tensor] = {}
    for name, tensor in probe.state_dict().items():
        plain = tensor.numpy().astype(np.float32)
        turned = plain.T if plain.ndim == 2 else plain
        place = places.get(_mark(plain), places.get(_mark(turned)))
        if place is None:
            raise ValueError(f"{path}: no weight for {name}")
        flip = _mark(plain) not in places
        value = stored[place].reshape(turned.shape).T if flip else stored[place].reshape(plain.shape)
        found[name] = torch.from_numpy(np.ascontiguousarray(value))
    return found


def _initialisers(path: Path) -> list[Array]:
    return [numpy_helper.to_array(tensor).astype(np.float32) for tensor in onnx.load(str(path)).graph.initializer]


def _mark(values: Array) -> bytes:
    """What a weight of noise is known by, in either precision; axes of length 1 do not count."""
    return np.squeeze(values).astype(np.float16).tobytes()
