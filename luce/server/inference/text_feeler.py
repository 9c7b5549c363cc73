"""How texts feel: read by the lower layers of the model `text_encoder`, felt by the model `text_emotion`."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.errors import Internal, InvalidArgument
from luce.server.deadline import Deadline
from luce.server.inference.client import InferenceClient
from luce.server.inference.coalescer import Coalescer
from luce.server.inference.text_embedder import MODEL as ENCODER
from luce.server.inference.text_embedder import TextEmbedderSettings, bucket, open_tokenizer

MODEL: Final = "text_emotion"
STATES: Final = "middle_states"


@dataclass(frozen=True, slots=True, eq=False)
class Felt:
    """How one text feels.

    Attributes:
        emotion: Valence, arousal and dominance.
        uncertainty: Their standard deviations, float32 (3,).
        truncated: Whether it was longer than the encoder reads.
        models: Name and version of each model that read it.
    """

    emotion: Emotion
    uncertainty: NDArray[np.float32]
    truncated: bool
    models: tuple[tuple[str, str], ...]


class TextFeeler:
    """Feels texts. What is told of one does not hang on the others.

    Args:
        inference: A client of the model server.
        settings: Tokenizer and bounds; from the environment when left out.

    Raises:
        FileNotFoundError: There is no tokenizer where the settings say.
    """

    def __init__(self, inference: InferenceClient, settings: TextEmbedderSettings | None = None) -> None:
        settings = settings or TextEmbedderSettings()
        self._inference = inference
        self._tokenizer = open_tokenizer(settings)
        self._coalescer: Coalescer[list[int], _Answer] = Coalescer(
            self._infer, max_rows=settings.max_rows, in_flight=settings.in_flight, max_waiting=settings.max_waiting
        )

    async def feel(self, texts: Sequence[str], *, deadline: float) -> list[Felt]:
        """Feel at least one text within `deadline` seconds, in order.

        Raises:
            InvalidArgument: No text.
            ResourceExhausted, Unavailable, DeadlineExceeded, Internal: As `InferenceClient.infer`.
        """
        if not texts:
            raise InvalidArgument("texts is empty, at least 1 is needed", field="texts", limit="1..")
        until = Deadline.current_or_after(deadline)
        encodings = await asyncio.to_thread(self._tokenizer.encode_batch, list(texts))
        rows: list[tuple[Hashable, list[int]]] = [(bucket(len(found.ids)), found.ids) for found in encodings]
        answers = await self._coalescer.submit(rows, until)
        return [
            Felt(Emotion(*answer.emotion), answer.uncertainty, bool(found.overflowing), answer.models)
            for answer, found in zip(answers, encodings, strict=True)
        ]

    async def _infer(self, length: Hashable, rows: Sequence[list[int]], deadline: Deadline) -> Sequence[_Answer]:
        ids = np.zeros((len(rows), int(str(length))), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        read = await self._inference.infer(
            ENCODER, {"input_ids": ids, "attention_mask": mask}, deadline=deadline.remaining(), outputs=[STATES]
        )
        states = {STATES: read.outputs[STATES], "attention_mask": mask}
        felt = await self._inference.infer(MODEL, states, deadline=deadline.remaining())
        emotion = np.asarray(felt.outputs["emotion"], np.float64)
        if emotion.shape != (len(rows), 3) or not np.isfinite(emotion).all():
            raise Internal(f"{MODEL} answered {emotion.shape} for {len(rows)} texts, or numbers not finite")
        models = ((ENCODER, read.version), (MODEL, felt.version))
        return [
            _Answer((float(v), float(a), float(d)), np.asarray(spread, np.float32), models)
            for (v, a, d), spread in zip(emotion.clip(-1, 1), felt.outputs["uncertainty"], strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    emotion: tuple[float, float, float]
    uncertainty: NDArray[np.float32]
    models: tuple[tuple[str, str], ...]
