"""A network whose convolutions were widened answers what it did before."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from training.note_transcriber.phases import widen


def network(weight: tuple[int, ...], shape: list[int], strides: list[int], pads: list[int]) -> onnx.ModelProto:
    """One convolution of random weights with a rectifier after it."""
    rng = np.random.default_rng(1)
    tensors = [
        numpy_helper.from_array(rng.normal(size=weight).astype(np.float32), "weight"),
        numpy_helper.from_array(rng.normal(size=weight[0]).astype(np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "weight", "bias"], ["y"], strides=strides, pads=pads, kernel_shape=weight[2:]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", weight[0], "rows", "columns"])
    graph = helper.make_graph(nodes, "network", [x], [z], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("weight", "shape", "strides", "pads"),
    [
        ((8, 8, 3, 39), [8, 20, 264], [1, 1], [1, 19, 1, 19]),
        ((1, 8, 5, 5), [8, 20, 264], [1, 1], [2, 2, 2, 2]),
        ((1, 32, 7, 3), [32, 20, 88], [1, 1], [3, 1, 3, 1]),
        ((1, 1, 1, 256), [1, 1, 1626], [1, 2], [0, 0, 0, 0]),
        ((1, 1, 1, 256), [1, 1, 2994], [1, 2], [0, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_widened_convolution_answers_the_same(
    weight: tuple[int, ...], shape: list[int], strides: list[int], pads: list[int], rows: int
) -> None:
    model = network(weight, shape, strides, pads)
    x = np.random.default_rng(2).normal(size=(rows, *shape)).astype(np.float32)
    before = run(model, x)
    widen(model)
    onnx.checker.check_model(model)
    assert any(node.op_type == "Transpose" for node in model.graph.node)
    np.testing.assert_allclose(run(model, x), before, atol=2e-4)


def test_other_convolutions_are_left_alone() -> None:
    model = network((4, 2, 3, 3), [2, 10, 12], [1, 1], [1, 1, 1, 1])
    before = model.SerializeToString()
    widen(model)
    assert model.SerializeToString() == before
