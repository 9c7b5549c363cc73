"""The same encoder in plain torch, written apart from the graph: what the exported file is checked against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer

from export.text_encoder.graph import Array, BertShape


class ReferenceEncoder:
    """all-MiniLM-L6-v2 in float32, built from ``torch.nn.TransformerEncoderLayer`` (post-norm, exact GELU)."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
        self._shape = BertShape()
        self._layers = [self._layer(f"encoder.layer.{index}") for index in range(self._shape.layers)]

    def _layer(self, prefix: str) -> torch.nn.TransformerEncoderLayer:
        def join(*names: str) -> torch.Tensor:
            return torch.cat([self._weights[f"{prefix}.{name}"] for name in names])

        layer = torch.nn.TransformerEncoderLayer(
            self._shape.width,
            self._shape.heads,
            dim_feedforward=4 * self._shape.width,
            activation="gelu",
            layer_norm_eps=self._shape.layer_norm_epsilon,
            batch_first=True,
        )
        state = {
            "self_attn.in_proj_weight": join(*(f"attention.self.{name}.weight" for name in ("query", "key", "value"))),
            "self_attn.in_proj_bias": join(*(f"attention.self.{name}.bias" for name in ("query", "key", "value"))),
        }
        names = {
            "attention.output.dense": "self_attn.out_proj",
            "attention.output.LayerNorm": "norm1",
            "intermediate.dense": "linear1",
            "output.dense": "linear2",
            "output.LayerNorm": "norm2",
        }
        for source, target in names.items():
            for kind in ("weight", "bias"):
                state[f"{target}.{kind}"] = self._weights[f"{prefix}.{source}.{kind}"]
        layer.load_state_dict(state)
        return layer.eval()

    @torch.inference_mode()
    def encode(self, input_ids: Array, attention_mask: Array) -> Array:
        """Sentence embeddings (B, 384) float32 of unit length, for int64 inputs (B, T)."""
        ids, mask = torch.from_numpy(input_ids), torch.from_numpy(attention_mask)
        states = self._weights["embeddings.word_embeddings.weight"][ids]
        states = states + self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = states + self._weights["embeddings.token_type_embeddings.weight"][0]
        states = torch.nn.functional.layer_norm(
            states,
            (self._shape.width,),
            self._weights["embeddings.LayerNorm.weight"],
            self._weights["embeddings.LayerNorm.bias"],
            self._shape.layer_norm_epsilon,
        )
        for layer in self._layers:
            states = layer(states, src_key_padding_mask=mask == 0)
        weight = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weight).sum(1) / weight.sum(1)
        result: Array = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return result


def reference_embeddings(weights: dict[str, Array], tokenizer: Tokenizer, texts: Sequence[str]) -> Array:
    """Embed each text alone, unpadded: (N, 384) float32."""
    encoder = ReferenceEncoder(weights)
    rows = []
    for text in texts:
        encoded = tokenizer.encode(text)
        length = sum(encoded.attention_mask)
        rows.append(encoder.encode(np.array([encoded.ids[:length]]), np.ones((1, length), np.int64))[0])
    return np.stack(rows)
