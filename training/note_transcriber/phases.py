"""The same network with wider convolutions: several outputs side by side become channels of one.

A processor multiplies eight or more channels at once. A convolution with one or eight output channels leaves most of
that idle, so P neighbouring outputs are computed as P times as many channels at P times the stride, with the kernel
shifted for each, and laid side by side afterwards. The sums are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

#: Shape of the weights to (width of the output, P) for convolutions whose width the graph does not tell.
_PLANES = {(8, 8, 3, 39): (264, 4), (1, 8, 5, 5): (264, 8), (1, 32, 7, 3): (88, 8), (1, 33, 3, 3): (88, 8)}
#: Outputs side by side of the filters that halve the sample rate.
_HALVING = 16


def widen(model: onnx.ModelProto) -> None:
    """Rewrite the convolutions of ``note_transcriber`` in place."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    widths = _widths(model)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "Conv" or node.input[1] not in weights:
            continue
        shape = tuple(weights[node.input[1]].dims)
        if shape in _PLANES:
            nodes += _in_phases(graph, node, *_PLANES[shape])
        elif shape == (1, 1, 1, 256) and node.output[0] in widths:
            nodes += _in_phases(graph, node, widths[node.output[0]], _HALVING)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _widths(model: onnx.ModelProto) -> Mapping[str, int]:
    inferred = shape_inference.infer_shapes(model).graph.value_info
    return {
        value.name: value.type.tensor_type.shape.dim[-1].dim_value
        for value in inferred
        if len(value.type.tensor_type.shape.dim) == 4 and value.type.tensor_type.shape.dim[-1].dim_value
    }


def _in_phases(graph: onnx.GraphProto, node: onnx.NodeProto, width: int, phases: int) -> list[onnx.NodeProto]:
    """Make the convolution compute ``phases`` outputs at once; the nodes that lay them side by side."""
    attributes = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    stride, pads = attributes["strides"], attributes.get("pads", [0, 0, 0, 0])
    weight = _constant(graph, node.input[1])
    outputs, _, _, reach = weight.shape
    step = stride[1]
    wide = np.zeros((phases * outputs, *weight.shape[1:3], reach + step * (phases - 1)), np.float32)
    for phase in range(phases):
        wide[phase * outputs : (phase + 1) * outputs, :, :, step * phase : step * phase + reach] = weight
    columns = -(-width // phases)
    read = (width - 1) * step + reach
    missing = (columns - 1) * step * phases + wide.shape[3] - read
    name = node.output[0]
    node.input[1] = _add(graph, f"{name}/phases", wide)
    if len(node.input) > 2:
        node.input[2] = _add(graph, f"{name}/phases_bias", np.tile(_constant(graph, node.input[2]), phases))
    for attribute in list(node.attribute):
        if attribute.name in ("strides", "kernel_shape", "pads"):
            node.attribute.remove(attribute)
    node.attribute.extend(
        [
            helper.make_attribute("strides", [stride[0], step * phases]),
            helper.make_attribute("kernel_shape", list(wide.shape[2:])),
            helper.make_attribute("pads", [pads[0], pads[1], pads[2], pads[3] + missing]),
        ]
    )
    node.output[0] = f"{name}/wide"
    parts = _add(graph, f"{name}/parts", np.array([0, phases, outputs, -1, columns], np.int64))
    joined = _add(graph, f"{name}/joined", np.array([0, outputs, -1, columns * phases], np.int64))
    last = name if columns * phases == width else f"{name}/padded"
    nodes = [
        helper.make_node("Reshape", [node.output[0], parts], [f"{name}/split"]),
        helper.make_node("Transpose", [f"{name}/split"], [f"{name}/turned"], perm=[0, 2, 3, 4, 1]),
        helper.make_node("Reshape", [f"{name}/turned", joined], [last]),
    ]
    if last != name:
        bounds = [
            _add(graph, f"{name}/{end}", np.array([value], np.int64))
            for end, value in (("first", 0), ("end", width), ("axis", 3))
        ]
        nodes.append(helper.make_node("Slice", [last, *bounds], [name]))
    return nodes


def _constant(graph: onnx.GraphProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(next(tensor for tensor in graph.initializer if tensor.name == name))


def _add(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name
