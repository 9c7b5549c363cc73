"""ONNX Runtime sessions as every backend opens them: threads from one budget, no spinning, providers by device kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort

THREADS_VARIABLE = "LUCE_TRITON_THREADS"
"""Environment variable with the number of compute threads that one session may use at most."""

GPU_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider")
CPU_PROVIDER = "CPUExecutionProvider"


def thread_budget() -> int:
    """Most threads one session may use: `LUCE_TRITON_THREADS`, or the cores this process may run on.

    Raises:
        ValueError: the variable is no positive whole number.
    """
    text = os.environ.get(THREADS_VARIABLE)
    if text is None:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{THREADS_VARIABLE} is a positive whole number, not {text!r}")
    return int(text)


def providers(kind: str, device_id: int, available: Sequence[str]) -> list[Any]:
    """Execution providers for an instance kind: TensorRT, then CUDA where the kind is GPU, and always the CPU."""
    if kind != "GPU":
        return [CPU_PROVIDER]
    return [*((name, {"device_id": device_id}) for name in GPU_PROVIDERS if name in available), CPU_PROVIDER]


def open_session(
    path: Path, *, threads: int | None = None, kind: str = "CPU", device_id: int = 0
) -> ort.InferenceSession:
    """Load a graph.

    Args:
        path: the ONNX file.
        threads: threads inside one operator; None takes the whole budget, more than the budget is cut to it.
        kind: "CPU" or "GPU", the kind of the Triton instance.
        device_id: index of the GPU.

    Raises:
        FileNotFoundError: no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no ONNX graph at {path}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = min(threads or thread_budget(), thread_budget())
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # A dozen model processes share the cores: an idle thread must sleep, not burn a core while it waits.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=providers(kind, device_id, ort.get_available_providers()))
