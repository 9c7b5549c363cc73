"""The graphs of a pipeline as functions of arrays: types are converted at the edge, everything outside is float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.diffusion.errors import PipelineError
from backends.diffusion.noise import FloatArray
from backends.sessions import open_session

DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
}

Arrays = Mapping[str, npt.NDArray[Any]]


class OnnxFunction:
    """A graph, callable with arrays by name.

    Args:
        path: the ONNX file.
        threads: threads inside one operator; None takes the whole budget.
        kind: "CPU" or "GPU".
        device_id: index of the GPU.
    """

    def __init__(self, path: Path, *, threads: int | None = None, kind: str = "CPU", device_id: int = 0) -> None:
        self._session = open_session(path, threads=threads, kind=kind, device_id=device_id)
        self._path = path
        self.inputs: dict[str, np.dtype[Any]] = {i.name: DTYPES[i.type] for i in self._session.get_inputs()}
        self.outputs: list[str] = [o.name for o in self._session.get_outputs()]

    def __call__(self, arrays: Arrays, outputs: Sequence[str] | None = None) -> list[FloatArray]:
        """Run the graph on the inputs it has (others in `arrays` are ignored); outputs come back as float32."""
        feeds = {name: arrays[name].astype(dtype, copy=False) for name, dtype in self.inputs.items()}
        found = self._session.run(list(outputs or self.outputs), feeds)
        return [array.astype(np.float32, copy=False) for array in found]

    def require(self, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
        """Raise `PipelineError` where the graph lacks one of these tensors."""
        missing = (set(inputs) - set(self.inputs)) | (set(outputs) - set(self.outputs))
        if missing:
            raise PipelineError(f"{self._path} has no tensor {', '.join(sorted(missing))}")
