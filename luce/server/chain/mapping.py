"""The learned chain: from a picture's embedding to the embedding of music that fits it (E_v → E_r → E_m of CoT-VTM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.deadline import Deadline
from luce.server.inference import InferenceClient

LATENT_MAPPER: Final = "latent_mapper"
EMBED_DIFFUSION: Final = "embed_diffusion"
MODELS: Final = (LATENT_MAPPER, EMBED_DIFFUSION)


@dataclass(frozen=True, slots=True, eq=False)
class MusicIdea:
    """What the mapping imagines.

    Attributes:
        rationale: float32 (d,), the reasoning's embedding as predicted from the picture alone.
        embedding: float32 (d,), of length 1, in the space of text_encoder and audio_encoder: the music.
        models: name and version of each model that imagined.
    """

    rationale: NDArray[np.float32]
    embedding: NDArray[np.float32]
    models: tuple[tuple[str, str], ...]


class MusicMapper:
    """Maps pictures to music in the space that all media share.

    Args:
        inference: a client of the model server.
    """

    def __init__(self, inference: InferenceClient) -> None:
        self._inference = inference

    async def map(
        self,
        visual: NDArray[np.float32],
        *,
        seed: int,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str | None = None,
        deadline: float = 5.0,
    ) -> MusicIdea:
        """The music for one picture; another seed gives another music that fits as well.

        Args:
            visual: (d,), of length 1: of a picture by image_encoder, of a text by text_encoder, or a mean of several
                frames brought back to length 1.
            seed: 0..2^64-1.
            steps: of the sampler; None: the model's default.
            guidance_scale: 1 is none, higher keeps closer to the picture; None: the model's default.
            scheduler: one of the model's; None: the default.
            deadline: most seconds it may take.

        Raises:
            InvalidArgument: a value outside of the model's range.
            ResourceExhausted, Unavailable, DeadlineExceeded, Internal: as `InferenceClient.infer`.
        """
        until = Deadline.current_or_after(deadline)
        row = np.ascontiguousarray(visual, dtype=np.float32)[None]
        found = await self._inference.infer(LATENT_MAPPER, {"visual": row}, deadline=until.remaining())
        rationale = found.outputs["rationale"].astype(np.float32)
        inputs: dict[str, NDArray[Any]] = {
            "visual": row,
            "rationale": rationale,
            "seed": np.array([[seed]], dtype=np.uint64),
        }
        if steps is not None:
            inputs["steps"] = np.array([[steps]], dtype=np.int32)
        if guidance_scale is not None:
            inputs["guidance_scale"] = np.array([[guidance_scale]], dtype=np.float32)
        if scheduler is not None:
            inputs["scheduler"] = np.array([[scheduler]], dtype=np.object_)
        embedding: NDArray[np.float32] | None = None
        version = ""
        async for answer in self._inference.stream(EMBED_DIFFUSION, inputs, deadline=until.remaining()):
            if "embedding" in answer.outputs:
                embedding = answer.outputs["embedding"][0].astype(np.float32)
                version = answer.version
        if embedding is None:
            raise Internal(f"{EMBED_DIFFUSION} ended without an embedding")
        return MusicIdea(rationale[0], embedding, ((LATENT_MAPPER, found.version), (EMBED_DIFFUSION, version)))
