"""Texts into vectors: tokenised here, joined with other callers' texts, embedded by the model `text_encoder`."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from tokenizers import Tokenizer

from luce.errors import InvalidArgument
from luce.server.deadline import Deadline
from luce.server.inference.client import InferenceClient
from luce.server.inference.coalescer import Coalescer

MODEL: Final = "text_encoder"
OUTPUT: Final = "sent_emb"

BUCKETS: Final = (16, 32, 64, 128, 256)
"""Lengths that texts are padded to, in tokens. A text's bucket follows from the text alone, so its vector does too."""

_LONG_TEXT: Final = 2000
"""Characters from which tokenising takes longer than the event loop should wait (about a millisecond)."""


class TextEmbedderSettings(BaseSettings):
    """Where the tokenizer lies, and how much is taken in."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_TEXT_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    tokenizer: Path = Path(__file__).parents[3] / "model_repository" / MODEL / "1" / "tokenizer.json"
    """The tokenizer of the model `text_encoder`; the default is that of the checkout this code lies in."""

    max_rows: int = Field(default=32, ge=1, le=1024)
    """Most texts in one call to the model; not above its `max_batch_size`."""

    in_flight: int = Field(default=2, ge=1, le=64)
    """Calls under way at once; texts that arrive meanwhile leave together."""

    max_waiting: int = Field(default=2048, ge=1)
    """Texts that may wait; more are refused with a retry hint."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Vectors of texts.

    Attributes:
        vectors: float32 (n, d), each of length 1.
        truncated: for each text, whether it was longer than the model reads.
        tokens: how many tokens the model read, over all texts.
        model: name and version of the model that answered, as "name:version".
    """

    vectors: NDArray[np.float32]
    truncated: tuple[bool, ...]
    tokens: int
    model: str


class TextEmbedder:
    """Embeds texts.

    Args:
        inference: a client of the model server.
        settings: tokenizer and bounds; from the environment when left out.

    Raises:
        FileNotFoundError: there is no tokenizer where the settings say.
    """

    def __init__(self, inference: InferenceClient, settings: TextEmbedderSettings | None = None) -> None:
        settings = settings or TextEmbedderSettings()
        self._inference = inference
        self._tokenizer = open_tokenizer(settings)
        self._coalescer: Coalescer[list[int], tuple[NDArray[np.float32], str]] = Coalescer(
            self._infer, max_rows=settings.max_rows, in_flight=settings.in_flight, max_waiting=settings.max_waiting
        )

    async def embed(self, texts: Sequence[str], *, deadline: float) -> Embedded:
        """Embed at least one text within `deadline` seconds.

        Raises:
            InvalidArgument: no text.
            ResourceExhausted, Unavailable, DeadlineExceeded, Internal: as `InferenceClient.infer`.
        """
        if not texts:
            raise InvalidArgument("texts is empty, at least 1 is needed", field="texts", limit="1..")
        until = Deadline.current_or_after(deadline)
        if sum(map(len, texts)) < _LONG_TEXT:
            encodings = self._tokenizer.encode_batch(list(texts))
        else:
            encodings = await asyncio.to_thread(self._tokenizer.encode_batch, list(texts))
        rows = [(bucket(len(encoding.ids)), encoding.ids) for encoding in encodings]
        answers = await self._coalescer.submit(rows, until)
        return Embedded(
            vectors=np.stack([vector for vector, _ in answers]),
            truncated=tuple(bool(encoding.overflowing) for encoding in encodings),
            tokens=sum(len(encoding.ids) for encoding in encodings),
            model=f"{MODEL}:{answers[-1][1]}",
        )

    async def _infer(
        self, length: Hashable, rows: Sequence[list[int]], deadline: Deadline
    ) -> Sequence[tuple[NDArray[np.float32], str]]:
        ids = np.zeros((len(rows), int(str(length))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        result = await self._inference.infer(MODEL, inputs, deadline=deadline.remaining(), outputs=[OUTPUT])
        vectors = result.outputs[OUTPUT].astype(np.float32, copy=False)
        return [(vector, result.version) for vector in vectors]


def open_tokenizer(settings: TextEmbedderSettings) -> Tokenizer:
    """The tokenizer of `text_encoder`, cutting at the longest bucket and not padding.

    Raises:
        FileNotFoundError: There is none where the settings say.
    """
    if not settings.tokenizer.is_file():
        raise FileNotFoundError(f"no tokenizer at {settings.tokenizer} (LUCE_TEXT_TOKENIZER)")
    tokenizer: Tokenizer = Tokenizer.from_file(str(settings.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(BUCKETS[-1])
    return tokenizer


def bucket(tokens: int) -> int:
    """The length that a text of so many tokens is padded to; at most the longest of `BUCKETS`."""
    return next(length for length in BUCKETS if length >= tokens)
