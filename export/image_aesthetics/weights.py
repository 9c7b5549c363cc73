"""The published files: CLIP ViT-L/14 as safetensors, and the predictor's head as the torch file of its repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

from export.image_aesthetics.graph import HEAD, TowerShape
from export.text_encoder.graph import Array


class WrongWeights(ValueError):
    """A file holds other tensors than those of the published model."""


def read_tower(path: Path, shape: TowerShape | None = None) -> dict[str, Array]:
    """The picture tower's tensors, float32, of ``model.safetensors`` of ``openai/clip-vit-large-patch14``.

    Raises:
        WrongWeights: a tensor is missing or has another shape.
    """
    sizes = shape or TowerShape()
    tensors = {name: value.astype(np.float32) for name, value in load_file(path).items() if _is_visual(name)}
    _require(path, tensors, "visual_projection.weight", (sizes.embedding, sizes.width))
    patches = "vision_model.embeddings.patch_embedding.weight"
    _require(path, tensors, patches, (sizes.width, 3, sizes.patch, sizes.patch))
    places = "vision_model.embeddings.position_embedding.weight"
    _require(path, tensors, places, (sizes.patches + 1, sizes.width))
    last = f"vision_model.encoder.layers.{sizes.layers - 1}.mlp.fc2.weight"
    _require(path, tensors, last, (sizes.width, tensors.get(last, np.zeros((0, 0))).shape[-1]))
    if any(name.startswith(f"vision_model.encoder.layers.{sizes.layers}.") for name in tensors):
        raise WrongWeights(f"{path} has more than {sizes.layers} layers")
    return tensors


def _is_visual(name: str) -> bool:
    return name.startswith(("vision_model.", "visual_projection.")) and not name.endswith("position_ids")


def read_head(path: Path, width: int = 768) -> dict[str, Array]:
    """The head's tensors, float32, of ``sac+logos+ava1-l14-linearMSE.pth``; nothing in the file is executed.

    Raises:
        WrongWeights: a tensor is missing or has another shape than a layer behind the one before it.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    tensors = {str(name): value.float().numpy() for name, value in state.items()}
    for name in HEAD:
        rows = tensors.get(f"{name}.weight", np.zeros((0, 0))).shape[0]
        _require(path, tensors, f"{name}.weight", (rows, width))
        _require(path, tensors, f"{name}.bias", (rows,))
        width = rows
    if width != 1:
        raise WrongWeights(f"{path}: the last layer has {width} outputs, not 1")
    return tensors


def _require(path: Path, tensors: dict[str, Array], name: str, shape: tuple[int, ...]) -> None:
    found = tensors.get(name)
    if found is None or found.shape != shape:
        told = "is missing" if found is None else f"has the shape {found.shape}, not {shape}"
        raise WrongWeights(f"{path}: {name} {told}")
