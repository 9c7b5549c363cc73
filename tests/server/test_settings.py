from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from luce.server import settings
from luce.server.settings import BusSettings, HostSettings, JobSettings, PostgresSettings, TelemetrySettings

ALL = [kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, BaseSettings)]
CLASSES = [kind for kind in ALL if kind is not BaseSettings]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_is_explained_and_has_a_default(kind: type[BaseSettings]) -> None:
    assert kind.model_config["env_prefix"].startswith("LUCE_")
    for name, field in kind.model_fields.items():
        assert field.description, f"{kind.__name__}.{name}"
        assert not field.is_required(), f"{kind.__name__}.{name}"


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_JOBS_MAX_QUEUED", "3")
    monkeypatch.setenv("LUCE_NATS_URL", "nats://a:1,nats://b:2")
    monkeypatch.setenv("LUCE_JOBS_BACKOFF_S", "[1, 2]")
    assert JobSettings().max_queued == 3
    assert JobSettings().backoff_s == (1.0, 2.0)
    assert BusSettings().url == "nats://a:1,nats://b:2"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(JobSettings, {"max_queued": 0}, id="empty-queue"),
        pytest.param(JobSettings, {"ack_wait_s": 0.1}, id="hasty"),
        pytest.param(JobSettings, {"backoff_s": ()}, id="no-backoff"),
        pytest.param(JobSettings, {"backoff_s": (-1.0,)}, id="negative-backoff"),
        pytest.param(BusSettings, {"url": "http://127.0.0.1:4222"}, id="no-nats"),
        pytest.param(BusSettings, {"chunk_bytes": 1024 * 1024}, id="chunk-over-payload"),
        pytest.param(HostSettings, {"grpc_address": "8080"}, id="no-host"),
        pytest.param(HostSettings, {"http_address": "127.0.0.1:99999"}, id="no-port"),
        pytest.param(TelemetrySettings, {"log_level": "LOUD"}, id="no-level"),
    ],
)
def test_unsafe_values_are_refused(kind: type[BaseSettings], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(values)


def test_the_password_is_not_printed() -> None:
    shown = repr(PostgresSettings.model_validate({"dsn": "postgresql://u:secret@h/d"}))
    assert "secret" not in shown
