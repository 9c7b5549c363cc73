"""The trained ensemble as an ONNX graph that knows when it is out of its depth.

Every product is of one row with one member's matrix, so a row's result does not depend on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from luce.server.music.spectra import FloatArray
from training.music_emotion.network import CLIP, Ensemble
from training.onnx_graph import GraphBuilder

#: Standard deviation answered for input unlike any music heard in training: about that of a uniform guess in [-1, 1].
IGNORANCE = 0.55
#: An answer whose own standard deviation is above the first is a guess and counts nothing; below the second, all.
_GUESSING = (0.5, 0.35)
#: Share of the identity mixed into the covariance before it is inverted.
_SHRINKAGE = 0.1
#: The strangeness at which an input counts half, as a multiple of the training data's 99.9th percentile.
_STRANGE = 1.15
#: Trust falls from 1 to 0 between this share below and above that strangeness.
_STRANGE_WIDTH = 0.15


@dataclass(frozen=True)
class Gate:
    """Tells silence from sound by one column.

    Attributes:
        column: index of the descriptor.
        silent: its value at which nothing is heard.
        heard: its value from which a row counts fully.
    """

    column: int
    silent: float
    heard: float


@dataclass(frozen=True)
class Familiarity:
    """Tells music like that of the training data from anything else, by Mahalanobis distance.

    Attributes:
        whitening: (F, F) float32; standardised descriptors times this have unit covariance.
        half: root mean square of the whitened values at which an input counts half.
    """

    whitening: FloatArray
    half: float

    def distance(self, standardised: FloatArray) -> FloatArray:
        """Root mean square whitened value (N,) of standardised rows (N, F); about 1 for training data."""
        result: FloatArray = np.sqrt(np.square(standardised @ self.whitening).mean(axis=1))
        return result


def familiarity(model: Ensemble, descriptors: FloatArray) -> Familiarity:
    """Learn what is familiar from training rows (N, F)."""
    rows = model.standardise(torch.from_numpy(descriptors)).numpy().astype(np.float64)
    covariance = np.cov(rows.T) * (1 - _SHRINKAGE) + _SHRINKAGE * np.eye(rows.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(values)).astype(np.float32)
    known = Familiarity(whitening, 1.0)
    return Familiarity(whitening, _STRANGE * float(np.quantile(known.distance(rows.astype(np.float32)), 0.999)))


def build(name: str, model: Ensemble, known: Familiarity, gate: Gate, calibration: float) -> onnx.ModelProto:
    """Build the graph: ``descriptors`` FP32 (B, F) to ``emotion`` and ``uncertainty`` FP32 (B, 2).

    Where an input is strange or silent, or the answer no better than a guess, the emotion goes to the neutral (0, 0)
    and the uncertainty to 0.55, as a mixture of the model's answer and of knowing nothing.

    Args:
        name: of the model.
        model: the trained ensemble.
        known: what counts as familiar.
        gate: what counts as silent.
        calibration: factor on the ensemble's standard deviation.
    """
    graph = GraphBuilder()
    axis = graph.constant([1], np.int64)
    centred = graph.op("Sub", "descriptors", graph.constant(model.mean.numpy()))
    scaled = graph.op("Div", centred, graph.constant(model.scale.numpy()))
    clipped = graph.op("Clip", scaled, graph.constant(-CLIP), graph.constant(CLIP))
    row = graph.op("Unsqueeze", clipped, graph.constant([1, 2], np.int64))
    values = row
    for index, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        product = graph.op("MatMul", values, graph.constant(weight.detach().numpy()))
        values = graph.op("Add", product, graph.constant(bias.detach().numpy()))
        if index + 1 < len(model.weights):
            values = graph.op("Tanh", values)
    members = graph.op("Squeeze", values, graph.constant([2], np.int64))
    means = graph.op("Tanh", graph.columns(members, 0, 2))
    logs = graph.op("Clip", graph.columns(members, 2, 4), graph.constant(-8.0), graph.constant(2.0))
    mean = graph.mean_of_members(means, len(model.weights[0]))
    spread = graph.op("Sub", means, graph.op("Unsqueeze", mean, axis))
    variances = graph.op("Add", graph.op("Exp", logs), graph.op("Mul", spread, spread))
    variance = graph.mean_of_members(variances, len(model.weights[0]))
    variance = graph.op("Mul", variance, graph.constant(calibration**2))
    certain = _ramp(graph, graph.op("Sqrt", variance), *_GUESSING)
    trust = graph.op("Mul", _trust(graph, row, known, gate), certain)
    emotion = graph.op("Mul", trust, mean, name="emotion")
    distrust = graph.op("Sub", graph.constant(1.0), trust)
    ignorance = graph.op("Add", graph.constant(IGNORANCE**2), graph.op("Mul", emotion, mean))
    mixed = graph.op("Add", graph.op("Mul", trust, variance), graph.op("Mul", distrust, ignorance))
    graph.op("Sqrt", mixed, name="uncertainty")
    return _model(graph, name, len(known.whitening))


def _trust(graph: GraphBuilder, row: str, known: Familiarity, gate: Gate) -> str:
    """(B, 1) in [0, 1]: 1 for familiar music that can be heard."""
    # In two halves: a single matrix would be multiplied with all rows at once, in another order than with one.
    width = len(known.whitening)
    even = np.pad(known.whitening, ((0, 0), (0, width % 2)))
    halves = np.stack(np.split(even, 2, axis=1))
    white = graph.op("MatMul", row, graph.constant(halves))
    column = np.full((2, even.shape[1] // 2, 1), 2 / width)
    sums = graph.op("MatMul", graph.op("Mul", white, white), graph.constant(column))
    square = graph.op("Squeeze", graph.mean_of_members(sums, 2), graph.constant([2], np.int64))
    distance = graph.op("Sqrt", square)
    familiar = _ramp(graph, distance, known.half * (1 + _STRANGE_WIDTH), known.half * (1 - _STRANGE_WIDTH))
    level = graph.columns("descriptors", gate.column, gate.column + 1)
    return graph.op("Mul", familiar, _ramp(graph, level, gate.silent, gate.heard))


def _ramp(graph: GraphBuilder, value: str, zero: float, one: float) -> str:
    """A smooth step from 0 at ``zero`` to 1 at ``one``.

    A polynomial, for it is exact: the runtime's Sigmoid differs in its last bits between the middle and the end of
    a tensor, and so between a row alone and a row in a batch.
    """
    slope, offset = 1 / (one - zero), -zero / (one - zero)
    line = graph.op("Add", graph.op("Mul", value, graph.constant(slope)), graph.constant(offset))
    part = graph.op("Clip", line, graph.constant(0.0), graph.constant(1.0))
    bend = graph.op("Sub", graph.constant(3.0), graph.op("Mul", part, graph.constant(2.0)))
    return graph.op("Mul", graph.op("Mul", part, part), bend)


def _model(graph: GraphBuilder, name: str, width: int) -> onnx.ModelProto:
    def tensor(name: str, size: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])

    proto = helper.make_graph(
        graph.nodes,
        name,
        [tensor("descriptors", width)],
        [tensor("emotion", 2), tensor("uncertainty", 2)],
        graph.initializers,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, producer_name="luce")
    onnx.checker.check_model(model)
    return model
