"""From pixels to the features that every reader of pictures shares, as one graph.

What the backbone knows of objects is told by its pooled features. How a picture feels hangs on colour, light and
texture too, so the means of earlier stages and plain statistics of colour stand beside them.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from training.image_encoder.backbone import FEATURES, MEAN, SCALE, SIDE, Backbone
from training.image_generator.export import halve_weights

OPSET = 17
_TAPPED = {2: 24, 4: 40, 7: 80, 10: 112}
"""Blocks whose output is pooled, with its channels."""
_GRID = 4
"""Rows and columns of the coarse picture of light and colour."""
COLOUR = 4 * _GRID * _GRID + 4 + 2
WIDTH = FEATURES + 2 * sum(_TAPPED.values()) + COLOUR
"""How many features a picture has."""


class Features(nn.Module):
    """``pixels`` uint8 (B, 224, 224, 3), RGB, to ``features`` (B, WIDTH) and ImageNet's ``logits`` (B, 1000).

    Features: the backbone's pooled features; mean and standard deviation of each channel of four earlier blocks; of
    lightness, saturation, warmth (red - blue) and green - magenta a 4 x 4 picture and the standard deviation over all
    pixels; mean of the absolute differences of lightness between neighbours, across and down.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """All means are average pools: their sums do not depend on the other rows, unlike those of ReduceMean."""
        raw = pixels.permute(0, 3, 1, 2).float()
        parts = []
        values = self.backbone.stem((raw - MEAN) / SCALE)
        for index, block in enumerate(self.backbone.blocks):
            values = block(values)
            if index in _TAPPED:
                parts += [_mean(values), _deviation(values)]
        pooled = _mean(self.backbone.head(values))
        parts.append(_colours(raw / 255.0))
        return torch.cat([pooled, *parts], 1), self.backbone.classes(pooled)


def _mean(values: torch.Tensor) -> torch.Tensor:
    return functional.adaptive_avg_pool2d(values, 1).flatten(1)


def _deviation(values: torch.Tensor) -> torch.Tensor:
    """The standard deviation over the pixels of each channel."""
    mean = functional.adaptive_avg_pool2d(values, 1)
    return torch.sqrt(_mean((values - mean) * (values - mean)) + 1e-6)


def _colours(rgb: torch.Tensor) -> torch.Tensor:
    red, green, blue = rgb[:, 0:1], rgb[:, 1:2], rgb[:, 2:3]
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    highest = torch.maximum(torch.maximum(red, green), blue)
    lowest = torch.minimum(torch.minimum(red, green), blue)
    planes = torch.cat([light, highest - lowest, red - blue, green - (red + blue) / 2], 1)
    coarse = functional.avg_pool2d(planes, SIDE // _GRID).flatten(1)
    across = _mean((light[:, :, :, 1:] - light[:, :, :, :-1]).abs())
    down = _mean((light[:, :, 1:] - light[:, :, :-1]).abs())
    return torch.cat([coarse, _deviation(planes), across, down], 1)


def export(model: Features) -> onnx.ModelProto:
    """The graph, weights in float16, sums in float32."""
    target = io.BytesIO()
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
        target,  # type: ignore[arg-type]  # a file in memory will do
        input_names=["pixels"],
        output_names=["features", "logits"],
        dynamic_axes={name: {0: "batch"} for name in ("pixels", "features", "logits")},
        opset_version=OPSET,
        dynamo=False,
    )
    return halve_weights(onnx.load_from_string(target.getvalue()))


class Reader:
    """The exported graph in this process.

    Args:
        path: The graph.
        threads: Threads inside one operator.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])

    def __call__(
        self, pixels: npt.NDArray[np.uint8], batch: int = 16
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Features (N, WIDTH) and logits (N, 1000) of pictures (N, 224, 224, 3)."""
        parts = [
            self._session.run(["features", "logits"], {"pixels": pixels[start : start + batch]})
            for start in range(0, len(pixels), batch)
        ]
        features, logits = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(logits)
