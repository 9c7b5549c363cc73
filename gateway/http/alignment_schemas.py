"""What `/v1/alignments` reads and answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.http.request_schemas import RequestBody
from gateway.http.schemas import Emotion


class AlignmentRequest(RequestBody):
    """An image and a piece of music, both uploaded before (`POST /v1/blobs`)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"image_key": "upload-0f3b", "audio_key": "upload-77ab"}]}
    )

    image_key: str = Field(max_length=512)
    """Key of the image."""

    audio_key: str = Field(max_length=512)
    """Key of the music."""


class AlignmentForm(RequestBody):
    """An image and a piece of music, as `multipart/form-data`."""

    image: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """jpeg, png or webp."""

    audio: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """wav, flac, mp3, ogg (vorbis, opus), m4a, or MIDI, whose emotion alone is compared."""


class AlignmentReason(BaseModel):
    """How well two media fit on one axis, 0..1, and why."""

    axis: Literal["valence", "arousal", "meaning"]
    fit: float
    text: str


class Alignment(BaseModel):
    """How well an image and a piece of music fit, each 0..1; `semantic` is null for MIDI, which has no sound."""

    overall: float
    emotion: float
    semantic: float | None
    image_emotion: Emotion
    music_emotion: Emotion
    reasons: list[AlignmentReason]
    seen: list[str]
    heard: list[str]
    models: list[str]
