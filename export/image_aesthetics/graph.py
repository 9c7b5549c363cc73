"""CLIP's picture tower with an aesthetic head as an ONNX graph, written node by node.

The tower is the vision transformer of Radford et al. 2021 (arXiv 2103.00020): patches and a class token, pre-norm
layers with x · sigmoid(1.702 x), the class token through a norm and a projection. The head is LAION's
``sac+logos+ava1-l14-linearMSE`` on the embedding of length 1: five linear layers with nothing but dropout between them,
which are one linear function, so the graph holds one vector and one number (:func:`fold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.text_encoder.graph import Array, GraphBuilder

#: Mean and standard deviation of red, green and blue that CLIP's pictures are standardised by.
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
SPREAD: Final = (0.26862954, 0.26130258, 0.27577711)
#: Layers of the head in the published file; dropouts lie between.
HEAD: Final = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")
_GELU: Final = 1.702
_EPSILON: Final = 1e-5


@dataclass(frozen=True)
class TowerShape:
    """Sizes of ViT-L/14, as in the ``vision_config`` of its ``config.json``."""

    layers: int = 24
    width: int = 1024
    heads: int = 16
    patch: int = 14
    side: int = 224
    embedding: int = 768

    @property
    def patches(self) -> int:
        """Patches of a picture."""
        return (self.side // self.patch) ** 2


def fold(head: Mapping[str, Array]) -> tuple[Array, Array]:
    """The head's layers (weights (out, in), biases (out,)) as one: weight (1, in) and bias (1,), float32.

    Multiplied out in float64: further from the layers, one after another in float32, than they are from themselves in
    another order of sums by nothing that shows.
    """
    weight, bias = np.eye(head[f"{HEAD[0]}.weight"].shape[1]), np.zeros(head[f"{HEAD[0]}.weight"].shape[1])
    for name in HEAD:
        layer = head[f"{name}.weight"].astype(np.float64)
        weight, bias = layer @ weight, layer @ bias + head[f"{name}.bias"]
    return weight.astype(np.float32), bias.astype(np.float32)


def build(tower: Mapping[str, Array], head: Mapping[str, Array], shape: TowerShape | None = None) -> onnx.ModelProto:
    """Build the graph from the tensors of both checkpoints.

    Input ``pixels`` UINT8 (B, 224, 224, 3), RGB. Output ``score`` FP32 (B, 1): for pictures as people judge them about
    1 to 10, the mean of the ratings it was trained on near 5.5.

    Args:
        tower: tensors of ``openai/clip-vit-large-patch14`` by name; those of the text tower are not looked at.
        head: tensors of the predictor by name.
        shape: sizes of the tower.
    """
    sizes = shape or TowerShape()
    graph = GraphBuilder(quantize=False)
    states = _embed(graph, tower, sizes)
    for index in range(sizes.layers):
        states = _layer(graph, tower, f"vision_model.encoder.layers.{index}", states, sizes)
    first = graph.op("Squeeze", graph.op("Gather", states, graph.ints(0), axis=1), graph.ints(1))
    pooled = _norm(graph, tower, "vision_model.post_layernorm", first)
    projection = graph.constant(np.ascontiguousarray(tower["visual_projection.weight"].T), "projection")
    embedding = graph.op("MatMul", pooled, projection)
    length = graph.op("ReduceL2", embedding, graph.ints(1), keepdims=1)
    length = graph.op("Max", length, graph.constant(np.array([1e-12], np.float32)))
    weight, bias = fold(head)
    product = graph.op("MatMul", graph.op("Div", embedding, length), graph.constant(np.ascontiguousarray(weight.T)))
    graph.op("Add", product, graph.constant(bias), name="score")
    return _model(graph, sizes)


def _embed(graph: GraphBuilder, tower: Mapping[str, Array], sizes: TowerShape) -> str:
    # (x / 255 - mean) / spread as one product and one sum.
    spread = np.array(SPREAD, np.float64)
    scale, shift = (1 / (255 * spread)).astype(np.float32), (-np.array(MEAN) / spread).astype(np.float32)
    values = graph.op("Mul", graph.op("Cast", "pixels", to=TensorProto.FLOAT), graph.constant(scale))
    values = graph.op("Transpose", graph.op("Add", values, graph.constant(shift)), perm=[0, 3, 1, 2])
    kernel = graph.constant(tower["vision_model.embeddings.patch_embedding.weight"], "patches")
    size = [sizes.patch, sizes.patch]
    patches = graph.op("Conv", values, kernel, kernel_shape=size, strides=size)
    patches = graph.op("Transpose", graph.op("Reshape", patches, graph.ints(0, sizes.width, -1)), perm=[0, 2, 1])
    batch = graph.op("Shape", "pixels", start=0, end=1)
    shape = graph.op("Concat", batch, graph.ints(1, sizes.width), axis=0)
    token = graph.constant(tower["vision_model.embeddings.class_embedding"].reshape(1, 1, -1), "class_token")
    states = graph.op("Concat", graph.op("Expand", token, shape), patches, axis=1)
    places = graph.constant(tower["vision_model.embeddings.position_embedding.weight"][None], "places")
    # The checkpoint's own spelling.
    return _norm(graph, tower, "vision_model.pre_layrnorm", graph.op("Add", states, places))


def _layer(graph: GraphBuilder, tower: Mapping[str, Array], prefix: str, states: str, sizes: TowerShape) -> str:
    def get(name: str) -> tuple[Array, Array]:
        return tower[f"{prefix}.{name}.weight"], tower[f"{prefix}.{name}.bias"]

    head = sizes.width // sizes.heads
    parts = [get(f"self_attn.{name}_proj") for name in ("q", "k", "v")]
    # The scaling 1 / sqrt(d) of the scores is folded into the query's weights.
    parts[0] = (parts[0][0] / np.float32(head**0.5), parts[0][1] / np.float32(head**0.5))
    weight, bias = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    joined = graph.linear(_norm(graph, tower, f"{prefix}.layer_norm1", states), weight, bias, f"{prefix}.qkv")
    query, key, value = (
        graph.op("Reshape", part, graph.ints(0, 0, sizes.heads, head)) for part in graph.split(joined, 3, 2)
    )
    turned = [graph.op("Transpose", part, perm=order) for part, order in ((query, [0, 2, 1, 3]), (key, [0, 2, 3, 1]))]
    attention = graph.op("Softmax", graph.op("MatMul", *turned), axis=-1)
    mixed = graph.op("MatMul", attention, graph.op("Transpose", value, perm=[0, 2, 1, 3]))
    mixed = graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, sizes.width))
    states = graph.op("Add", states, graph.linear(mixed, *get("self_attn.out_proj"), f"{prefix}.out"))
    hidden = graph.linear(_norm(graph, tower, f"{prefix}.layer_norm2", states), *get("mlp.fc1"), f"{prefix}.up")
    gate = graph.op("Sigmoid", graph.op("Mul", hidden, graph.constant(np.array([_GELU], np.float32))))
    down = graph.linear(graph.op("Mul", hidden, gate), *get("mlp.fc2"), f"{prefix}.down")
    return graph.op("Add", states, down)


def _norm(graph: GraphBuilder, tower: Mapping[str, Array], name: str, values: str) -> str:
    return graph.layer_norm(values, tower[f"{name}.weight"], tower[f"{name}.bias"], name, _EPSILON)


def _model(graph: GraphBuilder, sizes: TowerShape) -> onnx.ModelProto:
    def tensor(name: str, kind: int, dims: Sequence[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(dims))

    proto = helper.make_graph(
        graph.nodes,
        "image_aesthetics",
        [tensor("pixels", TensorProto.UINT8, ("batch", sizes.side, sizes.side, 3))],
        [tensor("score", TensorProto.FLOAT, ("batch", 1))],
        graph.initializers,
    )
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=9, producer_name="luce")
