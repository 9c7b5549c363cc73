"""Settings of the agents service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AgentsSettings(BaseSettings):
    """How much the agents do at once, and how long. Environment: `LUCE_AGENTS_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_AGENTS_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    concurrency: int = Field(default=4, ge=1, le=64)
    """Paint jobs that one process runs at once; their pictures share the picture model's batches."""

    describe_concurrency: int = Field(default=2, ge=1, le=64)
    """Describe jobs that one process runs at once."""

    listeners: int = Field(default=2, ge=1, le=32)
    """Threads that analyse music."""

    decoders: int = Field(default=1, ge=1, le=32)
    """Processes that decode media."""

    emotion_batch: int = Field(default=256, ge=1, le=1024)
    """Rows of one call to the emotion model; at most its own largest batch."""

    infer_timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long one call to the emotion model may take, seconds."""

    picture_timeout_s: float = Field(default=300.0, gt=0, le=3600)
    """How long one picture may take, its time in the queue included, seconds."""

    outage_pause_s: float = Field(default=2.0, gt=0, le=60)
    """Longest pause before a job tries Triton again while it is away, seconds."""

    weights_licence: str = "see the model card of image_generator"
    """Licence of the picture model's weights, written into every picture."""
