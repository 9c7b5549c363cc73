"""The network that tells the metre: dilated convolutions over notes on a grid of the pulse, in numpy.

It marks beats and first beats of bars in every frame, and reads from these marks, from what else it sees and from how
the notes repeat (:mod:`luce.server.music.metre_features`) what is counted. Temporal convolutions as in Böck & Davies
2020, "Deconstruct, analyse, reconstruct"; ``training/metre`` has the same in torch, and trains it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import scipy.special

from luce.server.music.metre_layout import BINS
from luce.server.music.spectra import FloatArray

#: Frames a pulse: the first convolution takes every second bin.
FRAMES = BINS // 2
#: Frames after which the marks of beats and bars are compared with themselves, a third of a pulse to 24 pulses.
MARK_LAGS = (2, 3, 4, 6, 8, 9, 12, 15, 18, 24, 30, 36, 42, 48, 54, 60, 72, 90, 96, 108, 144)
#: Standardised features are clipped here.
CLIP = 4.0
#: Fewest frames that a mean over lagged frames counts as.
FEWEST = 24
_EPSILON = 1e-5


class MetreNetwork:
    """One network.

    Args:
        weights: float arrays named as the parameters of ``training.metre.network.MetreNet``, and ``mean`` and
            ``scale`` (242,) of the features.
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._depth = sum(name.startswith("convolutions.") and name.endswith(".weight") for name in weights)

    def __call__(self, layout: FloatArray, features: FloatArray) -> FloatArray:
        """Logits (C,) of metres and of ratios of the beat, in turn.

        Args:
            layout: (29, T) of :func:`luce.server.music.metre_layout.lay_out`.
            features: (242,) of :func:`luce.server.music.metre_features.metre_features`.
        """
        states = self._frames(layout)
        marks = scipy.special.expit(self._linear("marks", states))
        looked = self._linear("attention", states)
        looked = np.exp(looked - looked.max(axis=0))
        attended = (looked / looked.sum(axis=0)).T @ states
        scaled = np.clip((features - self._weights["mean"]) / self._weights["scale"], -CLIP, CLIP)
        known = np.tanh(self._linear("known", scaled))
        parts = [states.mean(axis=0), attended.ravel(), repeated(marks).ravel(), known]
        return self._linear("out", gelu(self._linear("hidden", np.concatenate(parts))))

    def _frames(self, layout: FloatArray) -> FloatArray:
        """States (T / 2, C)."""
        weight = self._weights["stem.weight"]
        reach = weight.shape[2]
        padded = np.pad(layout, ((0, 0), (reach // 2, reach // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=1)[:, ::2]
        columns = np.ascontiguousarray(windows.transpose(1, 0, 2)).reshape(windows.shape[1], -1)
        states = gelu(columns @ weight.reshape(len(weight), -1).T + self._weights["stem.bias"])
        for index in range(self._depth):
            states = states + self._block(index, states)
        return self._norm(self._depth, states)

    def _block(self, index: int, states: FloatArray) -> FloatArray:
        weight, away = self._weights[f"convolutions.{index}.weight"], 2**index
        normed = np.pad(self._norm(index, states), ((away, away), (0, 0)))
        count = len(states)
        three = np.concatenate([normed[at : at + count] for at in (0, away, 2 * away)], axis=1)
        mixed = gelu(
            three @ weight.transpose(2, 1, 0).reshape(-1, len(weight)) + self._weights[f"convolutions.{index}.bias"]
        )
        return self._linear(f"mixes.{index}", mixed)

    def _norm(self, index: int, states: FloatArray) -> FloatArray:
        centred = states - states.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(_EPSILON))
        found: FloatArray = (
            centred / spread * self._weights[f"norms.{index}.weight"] + self._weights[f"norms.{index}.bias"]
        )
        return found

    def _linear(self, name: str, values: FloatArray) -> FloatArray:
        weight = self._weights[f"{name}.weight"]
        found: FloatArray = values @ weight.reshape(len(weight), -1).T + self._weights[f"{name}.bias"]
        return found


def gelu(values: FloatArray) -> FloatArray:
    """Gaussian error linear unit (Hendrycks & Gimpel 2016)."""
    found: FloatArray = values * np.float32(0.5) * (1 + scipy.special.erf(values * np.float32(0.5**0.5)))
    return found


def repeated(marks: FloatArray) -> FloatArray:
    """How marks (T, 2) repeat after each of :data:`MARK_LAGS` frames, (lags, 2); 0 where they are too few."""
    count = len(marks)
    centred = marks - marks.mean(axis=0)
    energy = np.square(centred).sum(axis=0) + np.float32(1e-3)
    found = np.zeros((len(MARK_LAGS), marks.shape[1]), np.float32)
    for row, lag in enumerate(MARK_LAGS):
        if lag < count:
            product = (centred[lag:] * centred[:-lag]).sum(axis=0)
            found[row] = product / energy * (count / max(count - lag, FEWEST))
    return found
