"""Texts, images and audio as vectors of one space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.deadline import Deadline
from luce.server.inference import InferenceClient
from luce.server.media import MediaDecoder
from luce.server.music.mel_windows import MelWindows
from luce.server.vision.reader import PictureReader, Seen

AUDIO: Final = "audio_encoder"
#: Windows of ten seconds in one call.
_BATCH: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class HeardSound:
    """What the audio encoder makes of a recording.

    Attributes:
        embedding: float32 (384,) of length 1: the mean over its windows of ten seconds.
        tags: float32 (k,), probabilities in the order of `luce.server.music.tags`, the mean over its windows.
        model: Name and version.
    """

    embedding: NDArray[np.float32]
    tags: NDArray[np.float32]
    model: tuple[str, str]


class MediaEncoder:
    """Encodes images and audio.

    Args:
        inference: A client of the model server.
        pictures: Looks at images.
        decoder: Media decoder, started.
    """

    def __init__(self, inference: InferenceClient, pictures: PictureReader, decoder: MediaDecoder) -> None:
        self._inference = inference
        self._pictures = pictures
        self._decoder = decoder

    async def image(self, data: bytes, field: str) -> Seen:
        """An image file, looked at.

        Raises:
            RequestError: The image is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the decoder and the inference client.
        """
        (seen,) = await self._pictures.read([await self._decoder.image(data, field=field)])
        return seen

    async def audio(self, data: bytes, field: str, deadline: Deadline) -> HeardSound:
        """An audio file, heard to its end.

        Raises:
            RequestError: The audio is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the decoder and the inference client.
        """
        cutter = MelWindows()
        sound = await self._decoder.audio(data, field=field)
        windows = [mel for _, mel in [*cutter.feed(sound.samples), *cutter.finish()]]
        embeddings, tags, version = [], [], ""
        for start in range(0, len(windows), _BATCH):
            batch = np.stack(windows[start : start + _BATCH])
            found = await self._inference.infer(AUDIO, {"log_mel": batch}, deadline=deadline.remaining())
            embeddings.append(found.outputs["embedding"])
            tags.append(found.outputs["tags"])
            version = found.version
        mean = np.concatenate(embeddings).mean(axis=0)
        if not np.isfinite(mean).all():
            raise Internal(f"{AUDIO} answered numbers that are not finite")
        return HeardSound(unit(mean), np.concatenate(tags).mean(axis=0), (AUDIO, version))


def unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    """A vector of length 1 in the same direction; zeros stay zeros."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def names_of(models: Sequence[tuple[str, str]]) -> list[str]:
    """Models as "name:version", each once, in order."""
    return list(dict.fromkeys(f"{name}:{version}" for name, version in models))
