"""The served graph of the image encoder: the features' graph with the map into the text space behind it."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from training.components import CLIP, Basis
from training.image_encoder.backbone import CLASSES, SIDE
from training.image_encoder.features import WIDTH
from training.image_encoder.network import SPACE, FloatArray
from training.onnx_graph import GraphBuilder, tensor


def build(features: onnx.ModelProto, basis: Basis, names: FloatArray, weight: FloatArray) -> onnx.ModelProto:
    """``pixels`` uint8 (B, 224, 224, 3) to ``embedding`` (B, 384), ``features`` (B, F) and ``objects`` (B, 1000).

    Args:
        features: The graph of `features.export`.
        basis: Components of the features.
        names: (1000, 384), names of the classes.
        weight: (components + 384 + 1, 384), the map.
    """
    graph = GraphBuilder()
    graph.nodes.extend(features.graph.node)
    graph.initializers.extend(features.graph.initializer)
    objects = graph.op("Softmax", "logits", axis=1, name="objects")
    centred = graph.op("Sub", "features", graph.constant(basis.mean))
    scaled = graph.op("Div", centred, graph.constant(basis.scale))
    clipped = graph.op("Clip", scaled, graph.constant(-CLIP), graph.constant(CLIP))
    components = basis.vectors.shape[1]
    seen = graph.product(clipped, basis.vectors @ weight[:components])
    direction = _unit(graph, graph.product(objects, names))
    told = graph.product(direction, weight[components:-1])
    total = graph.op("Add", graph.op("Add", seen, told), graph.constant(weight[-1]))
    _unit(graph, total, name="embedding")
    return graph.model(
        "image_encoder",
        [tensor("pixels", ["batch", SIDE, SIDE, 3], TensorProto.UINT8)],
        [
            tensor("embedding", ["batch", SPACE]),
            tensor("features", ["batch", WIDTH]),
            tensor("objects", ["batch", CLASSES]),
        ],
    )


def _unit(graph: GraphBuilder, rows: str, name: str | None = None) -> str:
    """Rows (B, I) divided by their lengths."""
    length = graph.op("Max", graph.op("Sqrt", graph.length_squared(rows)), graph.constant(1e-9))
    return graph.op("Div", rows, length, name=name)
