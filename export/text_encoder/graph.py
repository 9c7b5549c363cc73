"""BERT as an ONNX graph, written node by node, in float32 or with 8-bit weights.

The graph is built from the checkpoint directly, without tracing a framework: 6 post-norm layers (Devlin et al. 2019,
arXiv 1810.04805), then the mean over the real tokens and L2 normalisation (Reimers & Gurevych 2019, arXiv 1908.10084).

Every operation acts on one row of the batch alone, so a text's result does not depend on its company. This rules out
``DynamicQuantizeLinear``, whose scale spans the batch; ``MatMulNBits`` scales each row's activations in blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

#: Values of a weight matrix that share a scale; with this block and level the CPU kernel is batch-invariant.
BLOCK = 32
#: ``accuracy_level`` of MatMulNBits: 4 computes in int8 with one activation scale per row and block.
ACCURACY_LEVEL = 4
#: Layers below ``middle_states``, from which ``text_emotion`` goes on with layers of its own.
MIDDLE = 4


@dataclass(frozen=True)
class BertShape:
    """Sizes of all-MiniLM-L6-v2, as in its ``config.json``."""

    layers: int = 6
    width: int = 384
    heads: int = 12
    layer_norm_epsilon: float = 1e-12


def quantize_rows(table: Array) -> tuple[Array, Array]:
    """Quantise each row of ``table`` (R, C) to int8; returns values (R, C) int8 and scales (R, 1) float32."""
    scales = np.abs(table).max(axis=1, keepdims=True).astype(np.float32) / np.float32(127)
    scales = np.where(scales == 0, np.float32(1), scales)
    return np.rint(table / scales).astype(np.int8), scales


def quantize_blocks(weight: Array) -> tuple[Array, Array]:
    """Quantise ``weight`` (N, K) for MatMulNBits, 8 bits, symmetric with zero point 128.

    Returns values (N, K / 32, 32) uint8 and scales (N, K / 32) float32. K must be a multiple of 32.
    """
    rows, columns = weight.shape
    if columns % BLOCK:
        raise ValueError(f"the inner size must be a multiple of {BLOCK}, got {columns}")
    blocks = weight.reshape(rows, columns // BLOCK, BLOCK)
    scales = np.abs(blocks).max(axis=2).astype(np.float32) / np.float32(127)
    scales = np.where(scales == 0, np.float32(1), scales)
    values = np.rint(blocks / scales[:, :, None]) + 128
    return values.astype(np.uint8), scales


class GraphBuilder:
    """Collects the nodes and initializers of one graph; each method returns the name of its result."""

    def __init__(self, *, quantize: bool) -> None:
        self.quantize = quantize
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[str, bytes], str] = {}

    def constant(self, value: Array, name: str | None = None) -> str:
        """Add an initializer; equal unnamed values are shared."""
        key = (f"{value.dtype}{value.shape}", value.tobytes())
        if name is None and key in self._constants:
            return self._constants[key]
        chosen = name or f"constant_{len(self.initializers)}"
        if name is None:
            self._constants[key] = chosen
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), chosen))
        return chosen

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output."""
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"node_{output}", **attributes))
        return output

    def ints(self, *values: int) -> str:
        """A constant vector of int64."""
        return self.constant(np.array(values, np.int64))

    def split(self, value: str, parts: int, axis: int) -> list[str]:
        """Cut ``value`` into equal parts along ``axis``."""
        outputs = [f"split_{len(self.nodes)}_{index}" for index in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=axis, num_outputs=parts))
        return outputs

    def embedding(self, table: Array, indices: str, name: str) -> str:
        """Rows of ``table`` (R, C), stored as int8 with a scale a row when quantising."""
        if not self.quantize:
            return self.op("Gather", self.constant(table, name), indices)
        values, scales = quantize_rows(table)
        rows = self.op("Gather", self.constant(values, f"{name}.int8"), indices)
        scale = self.op("Gather", self.constant(scales, f"{name}.scale"), indices)
        return self.op("Mul", self.op("Cast", rows, to=TensorProto.FLOAT), scale)

    def linear(self, value: str, weight: Array, bias: Array, name: str) -> str:
        """``value`` (..., K) times ``weight`` (N, K) transposed, plus ``bias`` (N,)."""
        if self.quantize:
            blocks, scales = quantize_blocks(weight)
            product = self.op(
                "MatMulNBits",
                value,
                self.constant(blocks, f"{name}.weight.int8"),
                self.constant(scales, f"{name}.weight.scale"),
                domain="com.microsoft",
                K=weight.shape[1],
                N=weight.shape[0],
                bits=8,
                block_size=BLOCK,
                accuracy_level=ACCURACY_LEVEL,
            )
        else:
            product = self.op("MatMul", value, self.constant(weight.T, f"{name}.weight"))
        return self.op("Add", product, self.constant(bias, f"{name}.bias"))

    def layer_norm(self, value: str, weight: Array, bias: Array, name: str, epsilon: float) -> str:
        """Layer normalisation of ``value`` over its last axis."""
        gain, shift = self.constant(weight, f"{name}.weight"), self.constant(bias, f"{name}.bias")
        return self.op("LayerNormalization", value, gain, shift, axis=-1, epsilon=epsilon)


def build(weights: dict[str, Array], *, quantize: bool, shape: BertShape | None = None) -> onnx.ModelProto:
    """Build the encoder from the checkpoint's tensors.

    Inputs ``input_ids`` and ``attention_mask`` INT64 (B, T), T at most 512. Outputs ``sent_emb`` FP32 (B, 384) of unit
    length, ``token_states`` FP32 (B, T, 384) of the last layer and ``middle_states`` of the layer :data:`MIDDLE`, both
    zero at padding.
    """
    sizes = shape or BertShape()
    graph = GraphBuilder(quantize=quantize)
    states = _embed(graph, weights, sizes)
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    penalty = penalty_of(graph, mask)
    column = graph.op("Unsqueeze", mask, graph.ints(2))
    for index in range(sizes.layers):
        states = layer(graph, weights, f"encoder.layer.{index}", states, penalty, sizes)
        if index == MIDDLE - 1:
            graph.op("Mul", states, column, name="middle_states")
    graph.op("Mul", states, column, name="token_states")
    _pool(graph, mask)
    return _model(graph, sizes.width)


def penalty_of(graph: GraphBuilder, mask: str) -> str:
    """What is added to the scores of keys, (B, 1, 1, T), for a mask (B, T) of ones, and zeros at padding."""
    # A masked key gets -10000 before the softmax: exp underflows to nothing beside any real key.
    penalty = graph.op("Sub", mask, graph.constant(np.array([1.0], np.float32)))
    penalty = graph.op("Mul", penalty, graph.constant(np.array([10000.0], np.float32)))
    return graph.op("Unsqueeze", penalty, graph.ints(1, 2))


def _embed(graph: GraphBuilder, weights: dict[str, Array], sizes: BertShape) -> str:
    words = graph.embedding(weights["embeddings.word_embeddings.weight"], "input_ids", "word_embeddings")
    # All tokens are of type 0 (single texts), so its vector is folded into the positions.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    length = graph.op("Shape", "input_ids", start=1, end=2)
    table = graph.constant(positions, "position_embeddings")
    position = graph.op("Slice", table, graph.ints(0), length, graph.ints(0))
    return graph.layer_norm(
        graph.op("Add", words, position),
        weights["embeddings.LayerNorm.weight"],
        weights["embeddings.LayerNorm.bias"],
        "embeddings.norm",
        sizes.layer_norm_epsilon,
    )


def layer(
    graph: GraphBuilder, weights: dict[str, Array], prefix: str, states: str, penalty: str, sizes: BertShape
) -> str:
    """One layer over ``states`` (B, T, 384), its tensors named as in the checkpoint behind ``prefix``."""

    def get(name: str) -> tuple[Array, Array]:
        return weights[f"{prefix}.{name}.weight"], weights[f"{prefix}.{name}.bias"]

    head_width = sizes.width // sizes.heads
    parts = [get(f"attention.self.{name}") for name in ("query", "key", "value")]
    # The scaling 1 / sqrt(d) of the scores is folded into the query's weights.
    parts[0] = (parts[0][0] / np.float32(head_width**0.5), parts[0][1] / np.float32(head_width**0.5))
    weight, bias = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    joined = graph.linear(states, weight, bias, f"{prefix}.qkv")
    query, key, value = (
        graph.op("Reshape", part, graph.ints(0, 0, sizes.heads, head_width)) for part in graph.split(joined, 3, 2)
    )
    scores = graph.op("MatMul", _transpose(graph, query, 0, 2, 1, 3), _transpose(graph, key, 0, 2, 3, 1))
    attention = graph.op("Softmax", graph.op("Add", scores, penalty), axis=-1)
    mixed = _transpose(graph, graph.op("MatMul", attention, _transpose(graph, value, 0, 2, 1, 3)), 0, 2, 1, 3)
    mixed = graph.op("Reshape", mixed, graph.ints(0, 0, sizes.width))
    mixed = graph.linear(mixed, *get("attention.output.dense"), f"{prefix}.attention")
    states = graph.layer_norm(
        graph.op("Add", states, mixed),
        *get("attention.output.LayerNorm"),
        f"{prefix}.attention.norm",
        sizes.layer_norm_epsilon,
    )
    hidden = graph.op("Gelu", graph.linear(states, *get("intermediate.dense"), f"{prefix}.up"))
    hidden = graph.linear(hidden, *get("output.dense"), f"{prefix}.down")
    return graph.layer_norm(
        graph.op("Add", states, hidden), *get("output.LayerNorm"), f"{prefix}.norm", sizes.layer_norm_epsilon
    )


def _transpose(graph: GraphBuilder, value: str, *order: int) -> str:
    return graph.op("Transpose", value, perm=list(order))


def _pool(graph: GraphBuilder, mask: str) -> None:
    # The sum over tokens is a product with the mask, so that padding adds exact zeros in the same order.
    row = graph.op("Unsqueeze", mask, graph.ints(1))
    total = graph.op("Squeeze", graph.op("MatMul", row, "token_states"), graph.ints(1))
    norm = graph.op("ReduceL2", total, graph.ints(1), keepdims=1)
    # A text of padding alone has the zero vector rather than NaN. (Dividing by the count first would cancel here.)
    norm = graph.op("Max", norm, graph.constant(np.array([1e-12], np.float32)))
    graph.op("Div", total, norm, name="sent_emb")


def _model(graph: GraphBuilder, width: int) -> onnx.ModelProto:
    def tensor(name: str, kind: int, dims: Sequence[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(dims))

    proto = helper.make_graph(
        graph.nodes,
        "text_encoder",
        [tensor(name, TensorProto.INT64, ("batch", "tokens")) for name in ("input_ids", "attention_mask")],
        [
            tensor("sent_emb", TensorProto.FLOAT, ("batch", width)),
            *(
                tensor(name, TensorProto.FLOAT, ("batch", "tokens", width))
                for name in ("token_states", "middle_states")
            ),
        ],
        graph.initializers,
    )
    imports = [helper.make_opsetid("", 20)]
    if graph.quantize:
        imports.append(helper.make_opsetid("com.microsoft", 1))
    model = helper.make_model(proto, opset_imports=imports, ir_version=9, producer_name="luce")
    onnx.checker.check_model(model)
    return model
