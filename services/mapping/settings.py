"""Settings of the mapping service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MappingSettings(BaseSettings):
    """How much the mapping service does at once, and how long. Environment: `LUCE_MAPPING_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_MAPPING_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    compose_concurrency: int = Field(default=4, ge=1, le=64)
    """Compose jobs that one process runs at once; their candidates share the composer's steps."""

    score_concurrency: int = Field(default=2, ge=1, le=64)
    """Score jobs that one process runs at once."""

    renderers: int = Field(default=2, ge=1, le=32)
    """Threads that make sound of notes."""

    decoders: int = Field(default=1, ge=1, le=32)
    """Processes that decode media."""

    infer_timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long one call to an encoder or an emotion model may take, seconds."""

    compose_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """How long one section of a piece may take to be written, its time in the queue included, seconds."""

    outage_pause_s: float = Field(default=2.0, gt=0, le=60)
    """Longest pause before a job tries Triton again while it is away, seconds."""
