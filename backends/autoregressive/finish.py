"""From frames to media, chunk by chunk while the frames come, as an audio codec's decoder does it.

A chunk is decoded with frames before and after it, because the decoder looks both ways; only its own samples are
kept. What comes after it fades into the next chunk. The windows depend on the request alone, never on timing: what was
sent chunk by chunk is the final result.
"""

from __future__ import annotations

import numpy as np

from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import FloatArray, Ids
from backends.autoregressive.generation import FinishSpec
from backends.autoregressive.graphs import OnnxFunction
from backends.autoregressive.search import Search


class Finisher:
    """The graph and how it is cut into chunks."""

    def __init__(self, spec: FinishSpec, graph: OnnxFunction) -> None:
        graph.require([spec.input], [spec.output])
        self.spec = spec
        self._graph = graph

    def decode(self, frames: Ids) -> FloatArray:
        """(T, K) frames to (..., T · hop) samples, float32. Raises `RequestFailed` (INTERNAL)."""
        media: FloatArray = self._graph({self.spec.input: frames.T[None]}, [self.spec.output])[0][0].astype(np.float32)
        if media.shape[-1] != len(frames) * self.spec.hop:
            raise RequestFailed("INTERNAL", f"{len(frames)} frames became {media.shape[-1]} samples")
        if not np.isfinite(media).all():
            raise RequestFailed("INTERNAL", "the model produced samples that are not finite")
        return media


class Media:
    """One request's media under way."""

    def __init__(self, finisher: Finisher) -> None:
        self._finisher = finisher
        self._spec = finisher.spec
        self._at = 0
        self._tail: FloatArray | None = None
        self.parts: list[FloatArray] = []

    def ready(self, search: Search) -> bool:
        """Whether a chunk can be decoded now."""
        if search.reason:
            return self._at < search.frames()
        return self._spec.chunk > 0 and search.frames() >= self._at + self._spec.chunk + self._spec.right

    def chunk(self, search: Search) -> FloatArray:
        """Decode the next chunk."""
        spec, start = self._spec, self._at
        end = min(start + (spec.chunk or search.frames()), search.frames())
        left = max(0, start - spec.left)
        window = search.result(left, min(end + spec.right, search.frames()))
        media = self._finisher.decode(window)
        part = media[..., (start - left) * spec.hop : (end - left) * spec.hop].copy()
        if self._tail is not None and self._tail.shape[-1]:
            _fade(self._tail, part)
        self._tail = media[..., (end - left) * spec.hop :][..., : spec.crossfade]
        self._at = end
        self.parts.append(part)
        return part

    def whole(self) -> FloatArray | None:
        """Everything; None where there is nothing."""
        return np.concatenate(self.parts, axis=-1) if self.parts else None


def _fade(tail: FloatArray, part: FloatArray) -> None:
    """Cross from `tail` into the start of `part`, in place, linearly."""
    length = min(tail.shape[-1], part.shape[-1])
    weight = (np.arange(1, length + 1, dtype=np.float32) / np.float32(length + 1)).astype(np.float32)
    part[..., :length] = tail[..., :length] * (1 - weight) + part[..., :length] * weight
