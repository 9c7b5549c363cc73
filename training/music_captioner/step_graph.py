"""The captioner's step as it is served: written node by node, with 8-bit products, and a cache that stays where it is.

Built from the weights of the traced step (:func:`training.music_captioner.export.decoder_graph`). Where weights have 8
bits, what they are multiplied with has 8 bits too, at a scale that is fixed beforehand: so a row does not depend on its
company (with ``DynamicQuantizeLinear`` it would). A product with 16 rows takes a quarter of the time of a float32 one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]
"""By name: matrices (inputs, outputs) as ``layers.0.qkv.weight`` and ``logits.weight``, tables, norms and biases."""

OPSET = 17
_MICROSOFT = "com.microsoft"
_EPSILON = 1e-5


@dataclass(frozen=True)
class Scale:
    """How activations become 8 bits: value / step + zero, rounded, from 0 to 255."""

    step: float
    zero: int


@dataclass(frozen=True)
class Shape:
    """Sizes of the step: width, size of a head, layers, entries of what was heard."""

    width: int
    head: int
    layers: int
    memory: int


@dataclass
class StepGraph:
    """A graph, and the tensors that enter its products, by the products' names."""

    model: onnx.ModelProto
    entering: dict[str, str]


def read(traced: onnx.ModelProto) -> tuple[dict[str, Array], Shape]:
    """The weights of a traced step in float32, and its sizes."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in traced.graph.initializer}
    for node in traced.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values.pop(node.input[0]).astype(np.float32)
    found = {name.removeprefix("model."): value for name, value in values.items() if name.startswith("model.")}
    for node in traced.graph.node:
        if node.op_type == "MatMul" and node.input[1] in values:
            found[f"{_place(node)}.weight"] = values[node.input[1]]
    width = found["norm.weight"].size
    layers = sum(name.endswith(".qkv.weight") for name in found)
    (heard,) = (tensor for tensor in traced.graph.input if tensor.name == "heard_keys0")
    memory = heard.type.tensor_type.shape.dim[2].dim_value
    return found, Shape(width, (found["layers.0.qkv.bias"].size - width) // 2, layers, memory)


def _place(node: onnx.NodeProto) -> str:
    """``layers.1.qkv`` for ``/qkv_1/MatMul``; the last product has no module of its own."""
    if node.output[0] == "logits":
        return "logits"
    module, _, layer = node.name.split("/")[1].partition("_")
    return f"layers.{layer or 0}.{module}"


def quantise(weight: Array) -> tuple[Array, Array]:
    """Columns of a matrix (inputs, outputs) as int8 from -127 to 127, and their steps (outputs,) float32."""
    steps = np.abs(weight).max(axis=0).astype(np.float32) / np.float32(127)
    steps = np.where(steps == 0, np.float32(1), steps)
    return np.rint(weight / steps).astype(np.int8), steps


@dataclass
class _Builder:
    """Collects nodes and constants; each method returns the name of what it makes."""

    weights: Weights
    scales: Mapping[str, Scale] | None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    entering: dict[str, str] = field(default_factory=dict)

    def constant(self, value: Array, name: str = "") -> str:
        chosen = name or f"constant_{len(self.constants)}"
        self.constants[chosen] = numpy_helper.from_array(np.ascontiguousarray(value), chosen)
        return chosen

    def op(self, kind: str, *inputs: str, named: str | list[str] = "", **attributes: Any) -> str:
        outputs = [named or f"{kind.lower()}_{len(self.nodes)}"] if isinstance(named, str) else named
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=f"node_{outputs[0]}", **attributes))
        return outputs[0]

    def shaped(self, value: str, *sizes: int) -> str:
        return self.op("Reshape", value, self.constant(np.array(sizes)))

    def row(self, table: str, index: str) -> str:
        """A row of a table, which is stored in float16."""
        halves = self.constant(self.weights[table].astype(np.float16), table)
        return self.op("Cast", self.op("Gather", halves, index), to=TensorProto.FLOAT)

    def norm(self, value: str, name: str) -> str:
        gain, shift = (self.constant(self.weights[f"{name}.{kind}"]) for kind in ("weight", "bias"))
        return self.op("LayerNormalization", value, gain, shift, axis=-1, epsilon=_EPSILON)

    def product(self, value: str, name: str, factor: Array | None = None, named: str = "") -> str:
        """``value`` times a matrix, plus its bias where it has one; both times ``factor`` (outputs,)."""
        self.entering[name] = value
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        if factor is not None and bias is not None:
            weight, bias = weight * factor, bias * factor
        added = [] if bias is None else [self.constant(bias, f"{name}.bias")]
        if self.scales is None:
            matrix = self.constant(weight, f"{name}.weight")
            if not added:
                return self.op("MatMul", value, matrix, named=named)
            return self.op("Add", self.op("MatMul", value, matrix), *added, named=named)
        scale, (bytes_, steps) = self.scales[name], quantise(weight)
        step, zero = self.constant(np.array(scale.step, np.float32)), self.constant(np.array(scale.zero, np.uint8))
        narrow = self.op("QuantizeLinear", value, step, zero)
        matrix, wide = self.constant(bytes_, f"{name}.weight.int8"), self.constant(steps, f"{name}.weight.step")
        inputs = [narrow, matrix, step, wide, zero, "", *added]
        return self.op("MatMulIntegerToFloat", *inputs, named=named, domain=_MICROSOFT)


def build(weights: Weights, shape: Shape, scales: Mapping[str, Scale] | None = None) -> StepGraph:
    """The step; in float32 where no ``scales`` are given.

    Inputs ``tokens`` (R, 1) and ``position`` (R,) INT64; for each layer ``keys``, ``values`` (R, 1, time, head), and
    ``heard_keys`` (R, head, memory), ``heard_values`` (R, memory, head). Outputs ``logits`` (R, 1, V), and the caches
    with the step's own entry at ``position``: to be bound to the inputs' memory.
    """
    graph, heads = _Builder(weights, scales), shape.width // shape.head
    # What queries are multiplied with, a power of two, costs nothing in the weights.
    scaled = np.full(shape.width, shape.head**-0.5, np.float32)
    places = graph.op("Unsqueeze", "position", graph.constant(np.array([1])))
    # `Sum`, since ONNX Runtime makes one slow operator of an `Add` and a norm.
    x = graph.op("Sum", graph.row("words.weight", "tokens"), graph.row("places.weight", places))
    filled = graph.op("Cast", "position", to=TensorProto.INT32)
    length = graph.op("Cast", graph.op("Shape", "keys0", start=2, end=3), to=TensorProto.INT32)
    for index in range(shape.layers):
        name = f"layers.{index}"
        parts = [f"{kind}_{index}" for kind in ("query", "key", "value")]
        factor = np.concatenate([scaled, np.ones(2 * shape.head, np.float32)])
        joined = graph.product(graph.norm(x, f"{name}.norm1"), f"{name}.qkv", factor)
        sizes = graph.constant(np.array([shape.width, shape.head, shape.head]))
        graph.op("Split", joined, sizes, named=parts, axis=-1)
        kept = [f"{kind}{index}" for kind in ("keys", "values")]
        mixed = graph.op(
            "GroupQueryAttention",
            *(*parts, *kept, filled, length),
            named=[f"mixed_{index}", *(f"new_{cache}" for cache in kept)],
            domain=_MICROSOFT,
            num_heads=heads,
            kv_num_heads=1,
            scale=1.0,
        )
        x = graph.op("Sum", x, graph.product(mixed, f"{name}.out"))
        asked = graph.product(graph.norm(x, f"{name}.norm2"), f"{name}.query", scaled)
        seen = graph.op("MatMul", graph.shaped(asked, 0, heads, shape.head), f"heard_keys{index}")
        mixed = graph.op("MatMul", graph.op("Softmax", seen, axis=-1), f"heard_values{index}")
        x = graph.op("Sum", x, graph.product(graph.shaped(mixed, 0, 1, shape.width), f"{name}.out2"))
        wide = graph.op("Relu", graph.product(graph.norm(x, f"{name}.norm3"), f"{name}.wide"))
        x = graph.op("Sum", x, graph.product(wide, f"{name}.narrow"))
    graph.product(graph.norm(x, "norm"), "logits", named="logits")
    return StepGraph(_model(graph, shape), graph.entering)


def _model(graph: _Builder, shape: Shape) -> onnx.ModelProto:
    cache = ["rows", 1, "time", shape.head]
    kept = [f"{kind}{index}" for index in range(shape.layers) for kind in ("keys", "values")]
    inputs: dict[str, tuple[int, list[Any]]] = {
        "tokens": (TensorProto.INT64, ["rows", 1]),
        "position": (TensorProto.INT64, ["rows"]),
        **dict.fromkeys(kept, (TensorProto.FLOAT, cache)),
    }
    for index in range(shape.layers):
        inputs[f"heard_keys{index}"] = (TensorProto.FLOAT, ["rows", shape.head, shape.memory])
        inputs[f"heard_values{index}"] = (TensorProto.FLOAT, ["rows", shape.memory, shape.head])
    words = graph.weights["logits.weight"].shape[1]
    outputs = {"logits": ["rows", 1, words], **{f"new_{name}": cache for name in kept}}
    made = helper.make_graph(
        graph.nodes,
        "step",
        [helper.make_tensor_value_info(name, kind, sizes) for name, (kind, sizes) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in outputs.items()],
        list(graph.constants.values()),
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)
