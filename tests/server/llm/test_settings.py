from __future__ import annotations

import pytest
from pydantic import ValidationError

from luce.server.llm import LanguageModel, LanguageModelSettings


def test_without_a_url_there_is_no_language_model() -> None:
    assert not LanguageModelSettings().configured
    with pytest.raises(ValueError, match="LUCE_LLM_URL"):
        LanguageModel(LanguageModelSettings())


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"url": "ftp://x/v1", "model": "m"}, "http"),
        ({"url": "127.0.0.1:80", "model": "m"}, "http"),
        ({"url": "http:///v1", "model": "m"}, "names a host"),
        ({"url": "https://me:secret@host/v1", "model": "m"}, "LUCE_LLM_API_KEY"),
        ({"url": "https://host/v1?key=1", "model": "m"}, "query"),
        ({"url": "https://host/v1"}, "LUCE_LLM_MODEL"),
        ({"url": "http://10.0.0.1/v1", "model": "m", "api_key": "k"}, "plain http"),
        ({"url": "http://localhost.example/v1", "model": "m", "api_key": "k"}, "plain http"),
        ({"url": "https://host/v1", "model": "m", "attempts": 0}, "attempts"),
    ],
)
def test_unsafe_and_half_settings_are_refused(fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as caught:
        LanguageModelSettings(**fields)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value) or "secret" in fields["url"]


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://127.0.0.1:8000/v1/", "model": "m", "api_key": "k"},
        {"url": "http://localhost:8000/v1", "model": "m", "api_key": "k"},
        {"url": "http://[::1]:8000/v1", "model": "m", "api_key": "k"},
        {"url": "http://llm.cluster:8000/v1", "model": "m"},
        {"url": "https://host/v1", "model": "m", "api_key": "k"},
    ],
)
def test_safe_settings_are_taken_and_the_key_is_hidden(fields: dict[str, str]) -> None:
    settings = LanguageModelSettings(**fields)  # type: ignore[arg-type]
    assert settings.url.endswith("/v1")
    assert "'k'" not in repr(settings)
