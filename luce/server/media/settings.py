"""Limits on the media that people send."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class MediaSettings(BaseSettings):
    """What is accepted, and how much work decoding may be. Environment: `LUCE_MEDIA_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="LUCE_MEDIA_", use_attribute_docstrings=True, frozen=True)

    max_audio_bytes: int = Field(64 * MIB, ge=1024, le=1024 * MIB)
    """Largest audio file, bytes."""

    min_audio_seconds: float = Field(0.1, gt=0, le=10)
    """Shortest audio, seconds."""

    max_audio_seconds: float = Field(1800.0, ge=1, le=14400)
    """Longest audio, seconds."""

    max_channels: int = Field(8, ge=1, le=64)
    """Most audio channels."""

    min_sample_rate: int = Field(4000, ge=1)
    """Lowest sample rate, Hz."""

    max_sample_rate: int = Field(192_000, ge=8000)
    """Highest sample rate, Hz."""

    max_image_bytes: int = Field(32 * MIB, ge=1024, le=256 * MIB)
    """Largest image file, bytes."""

    max_image_pixels: int = Field(50_000_000, ge=4096, le=400_000_000)
    """Most pixels of an image, known before it is decoded."""

    max_video_bytes: int = Field(64 * MIB, ge=1024, le=1024 * MIB)
    """Largest video file, bytes."""

    min_video_seconds: float = Field(1.0, gt=0, le=10)
    """Shortest video, seconds."""

    max_video_seconds: float = Field(180.0, ge=1, le=3600)
    """Longest video, seconds; music is written for as long."""

    max_video_pixels: int = Field(3840 * 2160, ge=4096, le=8192 * 8192)
    """Most pixels of one frame, known before it is decoded."""

    max_video_frames: int = Field(96, ge=2, le=1024)
    """Frames of one video that are looked at, at even distances."""

    video_timeout_s: float = Field(90.0, gt=0, le=600)
    """Longest work on one video, seconds; a worker that takes longer is killed."""

    decode_timeout_s: float = Field(30.0, gt=0, le=600)
    """Longest work on one file, seconds; a worker that takes longer is killed."""

    probe_timeout_s: float = Field(5.0, gt=0, le=60)
    """Longest look at one file before it is accepted, seconds."""

    workers: int = Field(1, ge=1, le=32)
    """Decoder processes."""

    max_waiting: int = Field(64, ge=0, le=10_000)
    """Most calls that wait for a decoder process; one more is refused."""

    worker_memory_bytes: int = Field(3 * 1024 * MIB, ge=512 * MIB)
    """Address space of one decoder process, bytes."""
