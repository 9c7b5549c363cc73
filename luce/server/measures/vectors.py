"""Measures of embeddings."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CLIP_SCORE_WEIGHT: Final = 2.5
"""Stretches CLIP's cosines, which seldom pass .4, over 0..1 (Hessel et al. 2021)."""


def cosine(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Cosine of vectors along the last axis, -1..1; the other axes broadcast.

    Raises:
        ValueError: A vector of length zero, or a number that is not finite.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ValueError("cosine needs finite vectors that are not zero")
    found: NDArray[np.float64] = np.clip((a * b).sum(axis=-1) / lengths, -1.0, 1.0)
    return found


def clip_score(image: NDArray[Any], text: NDArray[Any]) -> NDArray[np.float64]:
    """CLIPScore: 2.5 · max(cos, 0), of embeddings of picture and words in one space (Hessel et al. 2021).

    The published measure takes CLIP ViT-B/32 and puts "A photo depicts " before the words. With other encoders, ours
    among them, the formula is the same and the numbers are not comparable; nor are torchmetrics' (100 · max(cos, 0),
    ViT-L/14).
    """
    return CLIP_SCORE_WEIGHT * np.maximum(cosine(image, text), 0.0)


def sem_score(prompt: NDArray[Any], scene: NDArray[Any]) -> NDArray[np.float64]:
    """Sem-score of MESA-MIG §4.2: cosine of sentence embeddings (SBERT) of the prompt and of the scene's description.

    Our `text_encoder` is all-MiniLM-L6-v2. The other reading (§3.4) is a CLIP score of the picture: `clip_score`.
    """
    return cosine(prompt, scene)
