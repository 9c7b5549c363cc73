"""Two layers that go on where the text encoder's middle leaves off, and a head on what they say of a text.

The encoder's own upper layers learned to tell what texts are about; copies of them, trained further on texts whose
emotion people judged, tell how they feel. The lower layers stay those of the encoder and run only once, in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from export.text_encoder.graph import MIDDLE, Array, BertShape, GraphBuilder, layer, penalty_of
from training.components import FloatArray
from training.onnx_graph import tensor
from training.text_emotion.dataset import CATEGORIES, WIDTH

AXES = ("valence", "arousal", "dominance")
SHAPE = BertShape()
POOLS = 4
"""Weighted means over the tokens, each with weights of its own."""
FEATURES = (POOLS + 1) * WIDTH
_LOG_VARIANCE = (-6.0, 2.0)
_FAR = -1e4


@dataclass(frozen=True)
class Scale:
    """The units that the network answers in.

    Attributes:
        middle: (3,), mean of the ratings.
        spread: (3,), their standard deviation.
    """

    middle: FloatArray
    spread: FloatArray


class Layer(nn.Module):
    """A post-norm transformer layer with dropout (Devlin et al. 2019), begun as one of the checkpoint's."""

    def __init__(self, weights: dict[str, Array], number: int, dropout: float) -> None:
        super().__init__()
        self.prefix, self.rate = f"encoder.layer.{number}", dropout
        self.names = [name.removeprefix(f"{self.prefix}.") for name in weights if name.startswith(f"{self.prefix}.")]
        for name in self.names:
            value = torch.from_numpy(np.array(weights[f"{self.prefix}.{name}"], np.float32))
            self.register_parameter(name.replace(".", "_"), nn.Parameter(value))

    def weights(self) -> dict[str, Array]:
        """Named as in the checkpoint."""
        parameters = dict(self.named_parameters())
        return {f"{self.prefix}.{n}": parameters[n.replace(".", "_")].detach().numpy() for n in self.names}

    def forward(self, states: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
        """States (B, T, 384) and what is added to the scores of keys (B, 1, 1, T) to states."""
        batch, tokens, width = states.shape
        query, key, value = (
            self._linear(states, f"attention_self_{name}").view(batch, tokens, SHAPE.heads, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(width / SHAPE.heads) + penalty
        weights = functional.dropout(scores.float().softmax(-1), self.rate, self.training).to(value.dtype)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
        states = self._norm(states + self._dropped(self._linear(mixed, "attention_output_dense")), "attention_output")
        hidden = self._linear(functional.gelu(self._linear(states, "intermediate_dense")), "output_dense")
        return self._norm(states + self._dropped(hidden), "output")

    def _linear(self, values: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(values, self.get_parameter(f"{name}_weight"), self.get_parameter(f"{name}_bias"))

    def _norm(self, values: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = (self.get_parameter(f"{name}_LayerNorm_{kind}") for kind in ("weight", "bias"))
        return functional.layer_norm(values, (SHAPE.width,), weight, bias, SHAPE.layer_norm_epsilon)

    def _dropped(self, values: torch.Tensor) -> torch.Tensor:
        return functional.dropout(values, self.rate, self.training)


class Feeler(nn.Module):
    """States of the encoder's middle to answers.

    Args:
        weights: The checkpoint of the text encoder.
        dropout: In the layers; twice as much on the features.
    """

    def __init__(self, weights: dict[str, Array], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(weights, number, dropout) for number in range(MIDDLE, SHAPE.layers)])
        self.attention = nn.Linear(WIDTH, POOLS)
        nn.init.zeros_(self.attention.weight)
        self.answer, self.doubt = nn.Linear(FEATURES, len(AXES)), nn.Linear(FEATURES, len(AXES))
        self.categories = nn.Linear(FEATURES, CATEGORIES)
        self.rate = 2 * dropout
        nn.init.zeros_(self.doubt.weight)

    def features(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, 1920) of states (B, T, 384) and a mask (B, T) of ones, and zeros at padding."""
        penalty = ((mask - 1) * -_FAR)[:, None, None]
        for one in self.layers:
            states = one(states, penalty)
        scores = self.attention(states).float() + (mask[:, :, None] - 1) * -_FAR
        pooled = scores.softmax(1).transpose(1, 2).to(states.dtype) @ states
        highest = states.masked_fill(mask[:, :, None] == 0, _FAR).amax(1)
        return functional.dropout(torch.cat([pooled.flatten(1), highest], 1), self.rate, self.training)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers and log variances, each (B, 3); doubt teaches the features nothing."""
        found = self.features(states, mask)
        return self.answer(found).float(), self.doubt(found.detach()).float().clamp(*_LOG_VARIANCE)


def build(feeler: Feeler, scale: Scale, stretch: FloatArray, factor: FloatArray) -> onnx.ModelProto:
    """``middle_states`` (B, T, 384) and ``attention_mask`` (B, T) to ``emotion`` and ``uncertainty`` (B, 3).

    The layers are stored in 8 bits, as the encoder's are. Every product is of one row alone, or one whose sums do not
    depend on how many rows there are, so a text's result does not depend on its company.

    Args:
        feeler: Trained.
        scale: Its units.
        stretch: (3,), on the answers' distances from the middle.
        factor: (3,), on the standard deviations.
    """
    graph = GraphBuilder(quantize=True)

    def number(value: float) -> str:
        return graph.constant(np.array(value, np.float32))

    def linear(values: str, part: nn.Linear) -> str:
        weight, bias = part.weight.detach().numpy().T, part.bias.detach().numpy()
        return graph.op("Add", graph.op("MatMul", values, graph.constant(weight)), graph.constant(bias))

    mask = graph.op("Cast", "attention_mask", to=onnx.TensorProto.FLOAT)
    penalty, states = penalty_of(graph, mask), "middle_states"
    for index, one in enumerate(feeler.layers):
        if isinstance(one, Layer):
            states = layer(graph, one.weights(), f"encoder.layer.{MIDDLE + index}", states, penalty, SHAPE)
    # (B, 4, T): a product for each text by itself.
    weight = graph.constant(feeler.attention.weight.detach().numpy())
    scores = graph.op("MatMul", weight, graph.op("Transpose", states, perm=[0, 2, 1]))
    scores = graph.op("Add", scores, graph.op("Squeeze", penalty, graph.ints(1)))
    pooled = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), states)
    pooled = graph.op("Reshape", pooled, graph.ints(0, POOLS * WIDTH))
    real = graph.op("Unsqueeze", graph.op("Greater", mask, number(0.5)), graph.ints(2))
    highest = graph.op("ReduceMax", graph.op("Where", real, states, number(_FAR)), graph.ints(1), keepdims=0)
    features = graph.op("Unsqueeze", graph.op("Concat", pooled, highest, axis=1), graph.ints(1))
    one_row = graph.ints(1)
    mean = graph.op("Squeeze", linear(features, feeler.answer), one_row)
    logs = graph.op("Squeeze", linear(features, feeler.doubt), one_row)
    logs = graph.op("Clip", logs, *map(number, _LOG_VARIANCE))
    answer = graph.op("Mul", mean, graph.constant((scale.spread * stretch).astype(np.float32)))
    answer = graph.op("Add", answer, graph.constant(scale.middle.astype(np.float32)))
    graph.op("Clip", answer, number(-1.0), number(1.0), name="emotion")
    spread = graph.op("Exp", graph.op("Mul", logs, number(0.5)))
    graph.op("Mul", spread, graph.constant((factor * scale.spread).astype(np.float32)), name="uncertainty")
    inputs = [
        tensor("middle_states", ["batch", "tokens", WIDTH]),
        tensor("attention_mask", ["batch", "tokens"], onnx.TensorProto.INT64),
    ]
    outputs = [tensor(name, ["batch", len(AXES)]) for name in ("emotion", "uncertainty")]
    made = onnx.helper.make_graph(graph.nodes, "text_emotion", inputs, outputs, graph.initializers)
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="luce")
    onnx.checker.check_model(model)
    return model
