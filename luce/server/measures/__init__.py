"""How good prompts, pictures and music are: the measures of MESA-MIG, MusePainter and CoT-VTM, with formula and source.

Pure functions of numbers, vectors and words. The service measures every painted picture with them, the harness
(`training/evaluate/paint.py`) whole sets. Where a paper contradicts itself, both readings are here under names of their
own; `VERSION` changes when a definition does, so that figures with different definitions are never compared.

    text      Distinct-n, category entropy, Jaccard (both readings), copy rate
    vectors   cosine, Sem-score, CLIPScore
    emotion   VA similarity (both readings), EMS
    frechet   Fréchet distance of two sets of embeddings
    divergence  KL divergence of class probabilities
    retrieval  P@k
    pictures  brightness, warmth, colourfulness; weighted similarity and BES of MusePainter

The aesthetic score of MESA-MIG (Table 1) is a published network on CLIP ViT-L/14: `export.image_aesthetics` builds it
for the profile `full`, and `luce.server.vision.AestheticJudge` asks it. The studio models have none: no ratings of
beauty were at hand to train a small one on, and a made-up number would be worse than none.
"""

from __future__ import annotations

from typing import Final

from luce.server.measures.divergence import kl_divergence, softmax
from luce.server.measures.emotion import ems, va_cosine, va_similarity
from luce.server.measures.frechet import frechet_distance
from luce.server.measures.pictures import Look, bes, look_of, weighted_similarity
from luce.server.measures.retrieval import hit_rate
from luce.server.measures.text import (
    category_entropy,
    content_words,
    copy_rate,
    distinct,
    jaccard,
    retention,
    words,
)
from luce.server.measures.vectors import clip_score, cosine, sem_score

VERSION: Final = "1"

__all__ = [
    "VERSION",
    "Look",
    "bes",
    "category_entropy",
    "clip_score",
    "content_words",
    "copy_rate",
    "cosine",
    "distinct",
    "ems",
    "frechet_distance",
    "hit_rate",
    "jaccard",
    "kl_divergence",
    "look_of",
    "retention",
    "sem_score",
    "softmax",
    "va_cosine",
    "va_similarity",
    "weighted_similarity",
    "words",
]
