"""Settings of the mapping service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MappingSettings(BaseSettings):
    """How much the mapping service does at once, and how long. Environment: `LUCE_MAPPING_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_MAPPING_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    decoders: int = Field(default=1, ge=1, le=32)
    """Processes that decode media."""

    infer_timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long one call to an encoder or an emotion model may take, seconds."""
