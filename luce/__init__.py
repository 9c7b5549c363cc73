"""Luce: pictures from music, music from pictures.

    import luce

    with luce.Client() as client:
        painting = client.paint("song.ogg", seed=7)
        painting.images[0].save("picture.png")

Names are loaded when they are first used, so that servers, which need only the errors or the emotion, stay small.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from luce._version import __version__

if TYPE_CHECKING:
    from luce._client import AsyncClient, Client
    from luce._config import DEFAULT_LIMITS, DEFAULT_RETRY, DEFAULT_TIMEOUT, Limits, Retry, Timeout
    from luce._events import (
        AudioChunk,
        ChainTold,
        ImagePainted,
        JobEvent,
        MusicHeard,
        PieceWritten,
        Preview,
        Progress,
        PromptWritten,
        StateChanged,
    )
    from luce._handles import AsyncJobHandle, AsyncJobs, JobHandle, Jobs
    from luce._music_types import ChainStep, Composition, Element, Piece, Shot, WrittenMusic, WrittenPiece
    from luce._requests import AgentOptions, MusicOptions, PaintOptions
    from luce._types import (
        Alignment,
        Blob,
        Descriptor,
        Embeddings,
        EmotionPoint,
        Feeling,
        FitReason,
        Imagined,
        Job,
        JobState,
        MusicDescription,
        MusicPart,
        MusicTag,
        PaintedImage,
        Painting,
        Picture,
        Prompt,
    )
    from luce.emotion import Emotion
    from luce.errors import (
        Cancelled,
        DeadlineExceeded,
        FailedPrecondition,
        IdempotencyMismatch,
        Internal,
        InvalidArgument,
        LuceError,
        MalformedMedia,
        NotFound,
        PayloadTooLarge,
        PermissionDenied,
        RequestError,
        ResourceExhausted,
        ServiceError,
        Unauthenticated,
        Unavailable,
        Unimplemented,
        UnsupportedMediaType,
    )

_HOMES = {
    "luce._client": ("AsyncClient", "Client"),
    "luce._config": ("DEFAULT_LIMITS", "DEFAULT_RETRY", "DEFAULT_TIMEOUT", "Limits", "Retry", "Timeout"),
    "luce._events": (
        "AudioChunk",
        "ChainTold",
        "ImagePainted",
        "JobEvent",
        "MusicHeard",
        "PieceWritten",
        "Preview",
        "Progress",
        "PromptWritten",
        "StateChanged",
    ),
    "luce._handles": ("AsyncJobHandle", "AsyncJobs", "JobHandle", "Jobs"),
    "luce._music_types": ("ChainStep", "Composition", "Element", "Piece", "Shot", "WrittenMusic", "WrittenPiece"),
    "luce._report": ("AgentFinding", "AgentNote", "AgentReport"),
    "luce._requests": ("AgentOptions", "MusicOptions", "PaintOptions"),
    "luce._types": (
        "Alignment",
        "Animation",
        "Blob",
        "Descriptor",
        "Embeddings",
        "EmotionPoint",
        "Feeling",
        "Film",
        "FitReason",
        "Imagined",
        "Job",
        "JobState",
        "MusicDescription",
        "MusicPart",
        "MusicTag",
        "PaintedImage",
        "Painting",
        "Picture",
        "PictureMeasures",
        "Prompt",
    ),
    "luce.emotion": ("Emotion",),
    "luce.errors": (
        "Cancelled",
        "DeadlineExceeded",
        "FailedPrecondition",
        "IdempotencyMismatch",
        "Internal",
        "InvalidArgument",
        "LuceError",
        "MalformedMedia",
        "NotFound",
        "PayloadTooLarge",
        "PermissionDenied",
        "RequestError",
        "ResourceExhausted",
        "ServiceError",
        "Unauthenticated",
        "Unavailable",
        "Unimplemented",
        "UnsupportedMediaType",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_RETRY",
    "DEFAULT_TIMEOUT",
    "AgentFinding",
    "AgentNote",
    "AgentOptions",
    "AgentReport",
    "Alignment",
    "Animation",
    "AsyncClient",
    "AsyncJobHandle",
    "AsyncJobs",
    "AudioChunk",
    "Blob",
    "Cancelled",
    "ChainStep",
    "ChainTold",
    "Client",
    "Composition",
    "DeadlineExceeded",
    "Descriptor",
    "Element",
    "Embeddings",
    "Emotion",
    "EmotionPoint",
    "FailedPrecondition",
    "Feeling",
    "Film",
    "FitReason",
    "IdempotencyMismatch",
    "ImagePainted",
    "Imagined",
    "Internal",
    "InvalidArgument",
    "Job",
    "JobEvent",
    "JobHandle",
    "JobState",
    "Jobs",
    "Limits",
    "LuceError",
    "MalformedMedia",
    "MusicDescription",
    "MusicHeard",
    "MusicOptions",
    "MusicPart",
    "MusicTag",
    "NotFound",
    "PaintOptions",
    "PaintedImage",
    "Painting",
    "PayloadTooLarge",
    "PermissionDenied",
    "Picture",
    "PictureMeasures",
    "Piece",
    "PieceWritten",
    "Preview",
    "Progress",
    "Prompt",
    "PromptWritten",
    "RequestError",
    "ResourceExhausted",
    "Retry",
    "ServiceError",
    "Shot",
    "StateChanged",
    "Timeout",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UnsupportedMediaType",
    "WrittenMusic",
    "WrittenPiece",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'luce' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
