"""The mapper: a perceptron, as in CoT-VTM (MSE, dropout .2), and its graph in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from export.text_encoder.graph import GraphBuilder

WIDTH = 384
HIDDEN = 256
DROPOUT = 0.2
OPSET = 20

Shape = Sequence[str | int]
"""Dimensions of a tensor; a name is any size."""


class Mapper(nn.Module):
    """``visual`` (n, 384) of length 1 to ``rationale`` (n, 384): the mean of the rationales' embeddings."""

    def __init__(self, inputs: int = WIDTH) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, WIDTH)],
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, visual: Tensor) -> Tensor:
        """Inputs have coordinates of about .05: they are brought to about 1 first, and back at the end."""
        values = visual * WIDTH**0.5
        for index, layer in enumerate(self.layers):
            values = layer(self.dropout(torch.relu(values)) if index else values)
        found: Tensor = values / WIDTH**0.5
        return found


def graph(model: Mapper) -> onnx.ModelProto:
    """``visual`` FP32 (B, 384) to ``rationale`` FP32 (B, 384); a row's result depends on that row alone."""
    build = GraphBuilder(quantize=True)
    scale = build.constant(np.array(WIDTH**0.5, dtype=np.float32))
    value = build.op("Mul", "visual", scale)
    for index, layer in enumerate(model.layers):
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        value = build.linear(value, weight.detach().numpy(), bias.detach().numpy(), f"layer{index}")
        if index < len(model.layers) - 1:
            value = build.op("Relu", value)
    build.op("Div", value, scale, name="rationale")
    return finish(build, "latent_mapper", {"visual": ["batch", WIDTH]}, {"rationale": ["batch", WIDTH]})


def finish(build: GraphBuilder, name: str, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> onnx.ModelProto:
    """The collected nodes as a model with float32 inputs and outputs."""
    infos = [
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in side.items()]
        for side in (inputs, outputs)
    ]
    made = helper.make_graph(build.nodes, name, infos[0], infos[1], build.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    return model
