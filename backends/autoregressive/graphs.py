"""The graphs of a model as functions of arrays, each with the types that its file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backends.autoregressive.errors import GenerationError
from backends.autoregressive.events import Array
from backends.sessions import open_session

DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
}

MOST_BINDINGS = 64
"""Bindings that are kept: one for each cache length and number of rows of a call, and few more."""


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
        self.shapes: dict[str, tuple[int | str, ...]] = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self.outputs: list[str] = [o.name for o in self._session.get_outputs()]
        self._bindings: dict[tuple[Any, ...], Any] = {}

    def __call__(self, arrays: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Run the graph on the inputs it has; others in `arrays` are ignored. Contiguous arrays are not copied."""
        feeds = {name: arrays[name].astype(dtype, copy=False) for name, dtype in self.inputs.items()}
        found: list[Array] = self._session.run(list(outputs), feeds)
        return found

    def update(self, arrays: Mapping[str, Array], outputs: Sequence[str], in_place: Mapping[str, str]) -> list[Array]:
        """Run the graph with outputs of `in_place` (output name → input name) written into that input's own memory.

        Every array has the graph's type and is contiguous; the answer holds the other outputs. What is bound for arrays
        at one place in memory is kept for the next call, of which binding would be a fifth; it reads what lies there,
        and writes over its outputs, which therefore are copied.
        """
        key = (*outputs, *in_place, *((arrays[name].ctypes.data, arrays[name].shape) for name in self.inputs))
        binding = self._bindings.get(key)
        if binding is None:
            if len(self._bindings) >= MOST_BINDINGS:
                self._bindings.clear()
            binding = self._bindings[key] = self._bind(arrays, outputs, in_place)
        self._session.run_with_iobinding(binding)
        values = dict(zip([*in_place, *outputs], binding.get_outputs(), strict=True))
        return [values[name].numpy().copy() for name in outputs]

    def _bind(self, arrays: Mapping[str, Array], outputs: Sequence[str], in_place: Mapping[str, str]) -> Any:
        binding = self._session.io_binding()
        for name in self.inputs:
            array = arrays[name]
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for output, name in in_place.items():
            array = arrays[name]
            binding.bind_output(output, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name in outputs:
            binding.bind_output(name, "cpu")
        return binding

    def require(self, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
        """Raise `GenerationError` where the graph lacks one of these tensors."""
        missing = (set(inputs) - set(self.inputs)) | (set(outputs) - set(self.outputs))
        if missing:
            raise GenerationError(f"{self._path} has no tensor {', '.join(sorted(missing))}")
