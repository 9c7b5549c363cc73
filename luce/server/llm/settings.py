"""Which language model is asked, and how long."""

from __future__ import annotations

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class LanguageModelSettings(BaseSettings):
    """A language model behind the OpenAI chat API (vLLM, llama.cpp, Ollama, ...); without a URL there is none."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_LLM_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    url: str = ""
    """Base of the API, such as `http://127.0.0.1:11434/v1`; `/chat/completions` is added. Empty: no language model."""

    model: str = ""
    """Name of the model, as the server knows it."""

    api_key: SecretStr = SecretStr("")
    """Sent as a bearer token; never over plain HTTP beyond this machine, never logged."""

    attempt_timeout_s: float = Field(default=20.0, gt=0, le=300)
    """How long one attempt may take, seconds."""

    deadline_s: float = Field(default=45.0, gt=0, le=600)
    """How long one answer may take with all attempts and pauses, seconds; the request's own deadline holds as well."""

    attempts: int = Field(default=3, ge=1, le=10)
    """Attempts at one answer."""

    backoff_s: float = Field(default=0.5, gt=0, le=30)
    """Pause before the second attempt, seconds; it doubles with each further one. A `Retry-After` goes before it."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    """Sampling temperature."""

    max_tokens: int = Field(default=2000, ge=64, le=32768)
    """Most tokens of one answer."""

    max_answer_bytes: int = Field(default=256 * 1024, ge=4096, le=16 * 1024 * 1024)
    """Largest answer, bytes; a longer one is cut off and not read."""

    max_prompt_bytes: int = Field(default=64 * 1024, ge=4096, le=1024 * 1024)
    """Largest question, bytes."""

    in_flight: int = Field(default=8, ge=1, le=256)
    """Questions under way at once; further ones wait, within their deadline."""

    max_waiting: int = Field(default=64, ge=0, le=4096)
    """Questions that may wait; more are refused."""

    @property
    def configured(self) -> bool:
        """Whether there is a language model to ask."""
        return bool(self.url)

    @field_validator("url")
    @classmethod
    def _url_is_a_base(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL starts with http:// or https:// and names a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the URL must not carry a user or a password: use LUCE_LLM_API_KEY")
        if parts.query or parts.fragment:
            raise ValueError("the URL must not have a query or a fragment")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_safe_and_whole(self) -> Self:
        if self.url and not self.model:
            raise ValueError("LUCE_LLM_URL needs LUCE_LLM_MODEL beside it")
        parts = urlsplit(self.url)
        if self.api_key.get_secret_value() and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            raise ValueError("an API key must not leave this machine over plain http: use https")
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
