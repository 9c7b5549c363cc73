"""Calls to the model server."""

from __future__ import annotations

from luce.server.inference.client import InferenceClient, InferResult, ModelInfo
from luce.server.inference.coalescer import Coalescer
from luce.server.inference.text_embedder import Embedded, TextEmbedder, TextEmbedderSettings
from luce.server.inference.text_feeler import Felt, TextFeeler

__all__ = [
    "Coalescer",
    "Embedded",
    "Felt",
    "InferResult",
    "InferenceClient",
    "ModelInfo",
    "TextEmbedder",
    "TextEmbedderSettings",
    "TextFeeler",
]
