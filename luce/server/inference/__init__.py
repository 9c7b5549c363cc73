"""Calls to the model server."""

from __future__ import annotations

from luce.server.inference.client import InferenceClient, InferResult, ModelInfo
from luce.server.inference.coalescer import Coalescer
from luce.server.inference.text_embedder import Embedded, TextEmbedder, TextEmbedderSettings

__all__ = [
    "Coalescer",
    "Embedded",
    "InferResult",
    "InferenceClient",
    "ModelInfo",
    "TextEmbedder",
    "TextEmbedderSettings",
]
