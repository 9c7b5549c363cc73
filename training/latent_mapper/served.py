"""The mapper as it is served, in this process: what is trained or measured after it sees the same rationales."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

MODEL = Path("model_repository/latent_mapper/1/model.onnx")


def served_mapper(path: Path = MODEL, threads: int = 1) -> Callable[[Tensor], Tensor]:
    """From ``visual`` (n, 384) to ``rationale`` (n, 384)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])

    def run(visual: Tensor) -> Tensor:
        found = session.run(["rationale"], {"visual": visual.numpy().astype(np.float32)})[0]
        return torch.from_numpy(found)

    return run
