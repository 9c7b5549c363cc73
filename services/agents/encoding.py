"""Windows of ten seconds through `audio_encoder`: tags, a vector, and what the captioner reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.jobs.patience import Patience, at_once
from luce.server.music.log_mel import WINDOW_SECONDS
from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags

MODEL: Final = "audio_encoder"
#: Windows of one call.
_BATCH: Final = 8


@dataclass(frozen=True, eq=False)
class HeardWindows:
    """What the encoder heard, window by window.

    Attributes:
        starts: (W,) float32, seconds.
        seconds: Of the recording.
        embeddings: (W, 384) float32 of length 1, in the space of `text_encoder`.
        tags: (W, k) float32 probabilities, in the order of `luce.server.music.tags`.
        tokens: (W, n, d) float16, what `music_captioner` reads.
        version: Of the model.
    """

    starts: FloatArray
    seconds: float
    embeddings: FloatArray
    tags: FloatArray
    tokens: NDArray[np.float16]
    version: str

    @property
    def embedding(self) -> FloatArray:
        """The vector of the whole, (384,) of length 1: the mean over the windows."""
        mean = self.embeddings.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def duration(self, index: int) -> float:
        """Seconds of a window; the last one ends with the recording."""
        return min(WINDOW_SECONDS, self.seconds - float(self.starts[index]))


class WindowEncoder:
    """Encodes windows as they come.

    Args:
        inference: A client of the model server.
        timeout_s: Longest call, seconds.
        patience: How calls are made.
    """

    def __init__(self, inference: InferenceClient, *, timeout_s: float, patience: Patience = at_once) -> None:
        self._inference = inference
        self._timeout_s = timeout_s
        self._patience = patience
        self._waiting: list[FloatArray] = []
        self._starts: list[float] = []
        self._embeddings: list[FloatArray] = []
        self._tags: list[FloatArray] = []
        self._tokens: list[NDArray[np.float16]] = []
        self._version = ""

    async def feed(self, windows: Sequence[tuple[float, FloatArray]]) -> None:
        """Take windows: start in seconds, log-mel. Full batches go to the model.

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
            Internal: The model answers another shape.
        """
        for start, mel in windows:
            self._starts.append(start)
            self._waiting.append(mel)
        while len(self._waiting) >= _BATCH:
            await self._encode()

    async def finish(self, seconds: float) -> HeardWindows:
        """All windows, at least one, of a recording of this length. Raises as `feed`."""
        while self._waiting:
            await self._encode()
        return HeardWindows(
            starts=np.array(self._starts, np.float32),
            seconds=seconds,
            embeddings=np.concatenate(self._embeddings),
            tags=np.concatenate(self._tags),
            tokens=np.concatenate(self._tokens),
            version=self._version,
        )

    async def _encode(self) -> None:
        batch = np.stack(self._waiting[:_BATCH])
        result = await self._patience(
            lambda: self._inference.infer(MODEL, {"log_mel": batch}, deadline=self._timeout_s)
        )
        heard = result.outputs["tags"]
        if heard.shape != (len(batch), len(tags().entries)) or not np.isfinite(heard).all():
            raise Internal(f"{MODEL} answered tags of shape {heard.shape}, or not finite, for {len(batch)} windows")
        self._tags.append(np.asarray(heard, np.float32))
        self._embeddings.append(np.asarray(result.outputs["embedding"], np.float32))
        self._tokens.append(np.asarray(result.outputs["audio_tokens"], np.float16))
        self._version = result.version
        del self._waiting[:_BATCH]
