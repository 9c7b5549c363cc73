"""Settings of the agents service."""

from __future__ import annotations

from typing import Literal

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

    decoders: int = Field(default=2, ge=1, le=32)
    """Processes that decode media; a recording holds one for as long as it is listened to."""

    captions_in_flight: int = Field(default=16, ge=1, le=256)
    """Captions that are written at once for one recording; they share the captioner's steps."""

    emotion_batch: int = Field(default=256, ge=1, le=1024)
    """Rows of one call to the emotion model; at most its own largest batch."""

    infer_timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long one call to a model that listens or writes may take, its time in the queue included, seconds."""

    mind: Literal["rules", "llm"] = "rules"
    """What the agents of painting think with where a request does not say; "llm" needs `LUCE_LLM_URL`."""

    think_s: float = Field(default=45.0, gt=0, le=600)
    """How long the agents may ask a language model for one request, seconds; then they go on by rules."""

    aesthetics: bool = False
    """Whether `image_aesthetics`, a model of the profile `full`, scores painted pictures; then it has to be ready."""

    picture_timeout_s: float = Field(default=300.0, gt=0, le=3600)
    """How long one picture may take, its time in the queue included, seconds."""

    outage_pause_s: float = Field(default=2.0, gt=0, le=60)
    """Longest pause before a job tries Triton again while it is away, seconds."""

    pictures_in_flight: int = Field(default=8, ge=1, le=64)
    """Pictures that one job paints at once; further ones wait, so that one job does not fill the model."""

    animation_rate: int = Field(default=24, ge=1, le=60)
    """Frames per second of an mp4 animation."""

    gif_rate: int = Field(default=8, ge=1, le=25)
    """Frames per second of a gif animation."""

    animation_max_s: float = Field(default=600.0, gt=0, le=3600)
    """Longest music of an mp4 animation, seconds."""

    gif_max_s: float = Field(default=120.0, gt=0, le=600)
    """Longest music of a gif animation, seconds: a gif grows by about 200 kB a second."""

    weights_licence: str = "Apache-2.0 (studio weights; see the model card of image_generator)"
    """Licence of the picture model's weights, written into every picture."""
