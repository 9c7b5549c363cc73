"""ONNX graphs written node by node, with the operations whose sums do not depend on who shares the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


class GraphBuilder:
    """Nodes and constants of a graph, in order.

    Attributes:
        nodes: Nodes so far.
        initializers: Constants so far.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; returns its name."""
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Add a constant; returns its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name))
        return name

    def half(self, value: npt.ArrayLike) -> str:
        """Add weights stored in float16 and computed in float32; ONNX Runtime folds the cast when it loads."""
        return self.op("Cast", self.constant(value, np.float16), to=TensorProto.FLOAT)

    def columns(self, value: str, first: int, last: int) -> str:
        """The last axis of a tensor from ``first`` to before ``last``."""
        bounds = [self.constant([number], np.int64) for number in (first, last, -1)]
        return self.op("Slice", value, *bounds)

    def mean_of_members(self, value: str, members: int) -> str:
        """Mean over axis 1 of (B, K, ...) as a sum of K tensors: ReduceMean adds in an order that depends on B."""
        outputs = [f"split_{len(self.nodes)}_{index}" for index in range(members)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=1, num_outputs=members))
        return self.op("Squeeze", self.op("Mean", *outputs), self.constant([1], np.int64))

    def product(self, rows: str, matrix: npt.NDArray[np.float32], *, half: bool = True) -> str:
        """Rows (B, I) times weights (I, O), in float16 if ``half``; O is even.

        Row by row and in two halves: ONNX Runtime would multiply a single matrix with all rows at once, in another
        order than with one row, and the batch would have a part in the sums.
        """
        halves = np.stack(np.split(matrix, 2, axis=1))
        row = self.op("Unsqueeze", rows, self.constant([1, 2], np.int64))
        result = self.op("MatMul", row, self.half(halves) if half else self.constant(halves))
        return self.op("Reshape", result, self.constant([0, matrix.shape[1]], np.int64))

    def length_squared(self, rows: str) -> str:
        """Sums of the squares (B, 1) of rows (B, I), each for itself."""
        lying = self.op("Unsqueeze", rows, self.constant([1], np.int64))
        standing = self.op("Unsqueeze", rows, self.constant([2], np.int64))
        return self.op("Squeeze", self.op("MatMul", lying, standing), self.constant([2], np.int64))

    def model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished model, checked."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        opset = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9, producer_name="luce")
        onnx.checker.check_model(model)
        return model


def tensor(name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, shape)
