"""The same predictor in plain torch, written apart from the graph: what the exported file is checked against."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.image_aesthetics.graph import HEAD, MEAN, SPREAD, TowerShape
from export.text_encoder.graph import Array


class ReferencePredictor:
    """CLIP's picture tower of ``torch.nn.MultiheadAttention`` and the head's layers, one after another.

    Args:
        tower: tensors by the names of the published checkpoint.
        head: the same of the predictor.
        shape: sizes of the tower.
    """

    def __init__(self, tower: Mapping[str, Array], head: Mapping[str, Array], shape: TowerShape) -> None:
        self._tower = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in tower.items()}
        self._head = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in head.items()}
        self._shape = shape
        self._attentions = [self._attention(index) for index in range(shape.layers)]

    def _attention(self, index: int) -> nn.MultiheadAttention:
        prefix = f"vision_model.encoder.layers.{index}.self_attn"
        attention = nn.MultiheadAttention(self._shape.width, self._shape.heads, batch_first=True)
        kinds = ("weight", "bias")
        state = {
            f"in_proj_{kind}": torch.cat([self._tower[f"{prefix}.{part}_proj.{kind}"] for part in "qkv"])
            for kind in kinds
        }
        state |= {f"out_proj.{kind}": self._tower[f"{prefix}.out_proj.{kind}"] for kind in kinds}
        attention.load_state_dict(state)
        return attention.eval()

    def _linear(self, name: str, values: Tensor) -> Tensor:
        return functional.linear(values, self._tower[f"{name}.weight"], self._tower[f"{name}.bias"])

    def _norm(self, name: str, values: Tensor) -> Tensor:
        weight, bias = self._tower[f"{name}.weight"], self._tower[f"{name}.bias"]
        return functional.layer_norm(values, (self._shape.width,), weight, bias, 1e-5)

    @torch.inference_mode()
    def score(self, pixels: Array) -> Array:
        """Scores (B, 1) of pictures, uint8 (B, side, side, 3)."""
        values = torch.from_numpy(pixels).float() / 255
        values = ((values - torch.tensor(MEAN)) / torch.tensor(SPREAD)).permute(0, 3, 1, 2)
        kernel = self._tower["vision_model.embeddings.patch_embedding.weight"]
        patches = functional.conv2d(values, kernel, stride=self._shape.patch).flatten(2).transpose(1, 2)
        token = self._tower["vision_model.embeddings.class_embedding"].expand(len(pixels), 1, -1)
        states = torch.cat([token, patches], 1) + self._tower["vision_model.embeddings.position_embedding.weight"]
        states = self._norm("vision_model.pre_layrnorm", states)
        for index, attention in enumerate(self._attentions):
            prefix = f"vision_model.encoder.layers.{index}"
            normed = self._norm(f"{prefix}.layer_norm1", states)
            states = states + attention(normed, normed, normed, need_weights=False)[0]
            hidden = self._linear(f"{prefix}.mlp.fc1", self._norm(f"{prefix}.layer_norm2", states))
            states = states + self._linear(f"{prefix}.mlp.fc2", hidden * torch.sigmoid(1.702 * hidden))
        pooled = self._norm("vision_model.post_layernorm", states[:, 0])
        values = functional.normalize(pooled @ self._tower["visual_projection.weight"].T, dim=-1)
        for name in HEAD:
            values = functional.linear(values, self._head[f"{name}.weight"], self._head[f"{name}.bias"])
        result: Array = values.numpy()
        return result
