"""Gaussian process regression on few rated pictures (Rasmussen & Williams 2006, algorithm 2.1), and its graph.

A few hundred rated photographs are too few for a network and just right for a process: it is solved, not trained, and
it knows how far a picture is from all it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from training.components import CLIP, Basis, FloatArray
from training.onnx_graph import GraphBuilder

_LEAST_VARIANCE = 1e-3


@dataclass(frozen=True)
class Recipe:
    """What is assumed.

    Attributes:
        components: Principal components that the kernel reads.
        length: Length scale of the kernel; 1 is the root mean square distance of a training picture from the middle.
        noise: Variance of the ratings' noise over that of the function, for photographs.
        weak_noise: The same for the painter's pictures, whose labels are what was asked for, not what was felt.
    """

    components: int = 128
    length: float = 0.7
    noise: float = 0.3
    weak_noise: float = 0.7


@dataclass(frozen=True)
class Process:
    """A solved process over components of features.

    Attributes:
        basis: Of the features.
        length: Length scale.
        known: float32 (N, P), the training pictures.
        middle: float32 (A,), mean of the ratings.
        scale: float32 (A,), their standard deviation.
        weights: float32 (N, A).
        root: float32 (N, N), the inverse of the Cholesky factor of the training pictures' covariance.
        noise: Of the photographs.
    """

    basis: Basis
    length: float
    known: FloatArray
    middle: FloatArray
    scale: FloatArray
    weights: FloatArray
    root: FloatArray
    noise: float

    def predict(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of a rating, each (M, A), for features (M, F)."""
        near = kernel(self.basis(rows), self.known, self.length)
        variance = 1 - np.square(near @ self.root.T).sum(1).clip(max=1) + self.noise
        mean = near @ self.weights * self.scale + self.middle
        return mean.astype(np.float32), (np.sqrt(variance)[:, None] * self.scale).astype(np.float32)


def kernel(left: npt.NDArray[Any], right: npt.NDArray[Any], length: float) -> npt.NDArray[Any]:
    """The squared exponential kernel (M, N)."""
    square = np.square(left).sum(1)[:, None] + np.square(right).sum(1) - 2 * left @ right.T
    result: npt.NDArray[Any] = np.exp(square.clip(min=0) / (-2 * length**2))
    return result


def solve(basis: Basis, rows: FloatArray, ratings: FloatArray, noise: FloatArray, recipe: Recipe) -> Process:
    """The process given features (N, F), ratings (N, A) and the noise of each (N,)."""
    known = basis(rows).astype(np.float64)
    length = recipe.length * float(np.sqrt(recipe.components))
    trusted = noise <= recipe.noise
    middle, scale = ratings[trusted].mean(0), ratings[trusted].std(0)
    covariance = kernel(known, known, length) + np.diag(noise.astype(np.float64))
    factor = scipy.linalg.cholesky(covariance, lower=True)
    root = scipy.linalg.solve_triangular(factor, np.eye(len(rows)), lower=True)
    weights = root.T @ (root @ ((ratings - middle) / scale))
    # What the graph holds is rounded here, so that figures are measured with what is served.
    return Process(
        basis,
        length,
        _half(known),
        middle.astype(np.float32),
        scale.astype(np.float32),
        weights.astype(np.float32),
        _half(root),
        recipe.noise,
    )


def _half(values: npt.NDArray[Any]) -> FloatArray:
    return values.astype(np.float16).astype(np.float32)


def add_process(graph: GraphBuilder, rows: str, process: Process, factor: FloatArray) -> tuple[str, str]:
    """Names of mean and standard deviation, each (B, A), of a process over features (B, F).

    Args:
        graph: Grows.
        rows: Name of the features.
        process: Solved.
        factor: (A,), on the standard deviation.
    """
    centred = graph.op("Sub", rows, graph.constant(process.basis.mean))
    scaled = graph.op("Div", centred, graph.constant(process.basis.scale))
    clipped = graph.op("Clip", scaled, graph.constant(-CLIP), graph.constant(CLIP))
    places = graph.product(clipped, process.basis.vectors)
    known = np.square(process.known).sum(1, dtype=np.float32)
    crossed = graph.product(places, -2 * process.known.T)
    square = graph.op("Add", graph.op("Add", crossed, graph.length_squared(places)), graph.constant(known))
    least = graph.op("Max", square, graph.constant(0.0))
    near = graph.op("Exp", graph.op("Mul", least, graph.constant(-1 / (2 * process.length**2))))
    spread = graph.op("Mul", graph.product(near, process.weights, half=False), graph.constant(process.scale))
    mean = graph.op("Add", spread, graph.constant(process.middle))
    told = graph.length_squared(graph.product(near, process.root.T))
    doubt = graph.op("Sub", graph.constant(1 + process.noise), told)
    certain = graph.op("Sqrt", graph.op("Max", doubt, graph.constant(process.noise + _LEAST_VARIANCE)))
    return mean, graph.op("Mul", certain, graph.constant(factor * process.scale))
