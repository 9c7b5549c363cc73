"""Settings that every server process shares, from environment variables with the prefix `LUCE_<AREA>_`.

Built once in a process's `main` and passed down; nothing reads the environment on import. Defaults are for loopback.
"""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024
GIB = 1024 * MIB


def _config(area: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"LUCE_{area}_", extra="ignore", frozen=True, use_attribute_docstrings=True)


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"an address is host:port with a port of 0..65535, not {value!r}")
    return value


class BusSettings(BaseSettings):
    """The connection to NATS and what is stored there."""

    model_config = _config("NATS")

    url: str = "nats://127.0.0.1:4222"
    """Servers, comma-separated (`nats://host:port`)."""

    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """How long the first connection may take before the process gives up, seconds."""

    request_timeout_s: float = Field(default=2.5, gt=0, le=30)
    """How long one storage request (publish, read) may take before NATS counts as unavailable, seconds."""

    reconnect_wait_s: float = Field(default=0.25, gt=0, le=10)
    """Pause between attempts to reconnect, seconds; attempts go on for ever."""

    chunk_bytes: int = Field(default=256 * 1024, ge=16 * 1024, le=MIB - 64 * 1024)
    """Size of one chunk of an object, bytes; under the server's largest payload of 1 MiB."""

    object_ttl_s: float = Field(default=25 * 3600.0, ge=60)
    """How long uploads and results are kept, seconds; longer than job records, which name them."""

    preview_ttl_s: float = Field(default=3600.0, ge=60)
    """How long previews are kept, seconds."""

    object_store_bytes: int = Field(default=4 * GIB, ge=16 * MIB)
    """Bound of the object store, bytes; past it new objects are refused."""

    replicas: int = Field(default=1, ge=1, le=5)
    """Copies of every stream; 3 in a cluster."""

    @field_validator("url")
    @classmethod
    def _url_is_nats(cls, value: str) -> str:
        for server in value.split(","):
            if not server.strip().startswith(("nats://", "tls://", "ws://", "wss://")):
                raise ValueError(f"a NATS URL starts with nats:// or tls://, not {server.strip()!r}")
        return value


class TritonSettings(BaseSettings):
    """The connection to Triton (Open Inference Protocol v2 over gRPC)."""

    model_config = _config("TRITON")

    url: str = "127.0.0.1:8001"
    """Address of the gRPC port, host:port."""

    channels: int = Field(default=4, ge=1, le=64)
    """gRPC channels; one HTTP/2 connection saturates early."""

    deadline_s: float = Field(default=60.0, gt=0, le=3600)
    """Deadline of a call that is given none, seconds."""

    max_message_bytes: int = Field(default=64 * MIB, ge=MIB)
    """Largest gRPC message, either way, bytes."""

    _url_is_address = field_validator("url")(_address)


class PostgresSettings(BaseSettings):
    """The connection to PostgreSQL."""

    model_config = _config("POSTGRES")

    dsn: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    """Connection string; it may hold a password, so it is never printed."""

    pool_size: int = Field(default=8, ge=1, le=200)
    """Connections per process."""

    statement_timeout_s: float = Field(default=5.0, gt=0, le=600)
    """How long one statement may run, seconds."""


class TelemetrySettings(BaseSettings):
    """Logs and traces."""

    model_config = _config("TELEMETRY")

    otlp_endpoint: str = ""
    """OTLP gRPC collector (`http://host:4317`); empty: trace ids are carried, spans are not recorded."""

    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of traces that are recorded, where the caller has not decided."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    log_format: Literal["text", "json"] = "text"
    """`json`: one object per line, for collectors."""

    @field_validator("log_level")
    @classmethod
    def _level_is_known(cls, value: str) -> str:
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError(f"no such log level: {value!r}")
        return value.upper()


class HostSettings(BaseSettings):
    """Addresses and life of a service process."""

    model_config = _config("HOST")

    grpc_address: str = "127.0.0.1:0"
    """Where gRPC listens; port 0 takes a free one."""

    http_address: str = "127.0.0.1:0"
    """Where `/livez`, `/readyz` and `/metrics` are served; port 0 takes a free one."""

    drain_wait_s: float = Field(default=0.5, ge=0, le=60)
    """Between "not ready" and the end of intake, so that balancers notice; 5 to 10 in a cluster."""

    drain_timeout_s: float = Field(default=20.0, ge=0, le=600)
    """How long work under way may go on after the end of intake, seconds; then it is handed back."""

    dependency_interval_s: float = Field(default=1.5, gt=0, le=60)
    """Pause between checks of the dependencies, seconds."""

    dependency_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """How long one check may take, seconds."""

    default_deadline_s: float = Field(default=60.0, gt=0, le=3600)
    """Deadline of a call that comes without one, seconds."""

    max_concurrent_rpcs: int = Field(default=256, ge=1)
    """Calls in progress over each transport; more are refused."""

    max_message_bytes: int = Field(default=4 * MIB, ge=MIB)
    """Largest gRPC message, bytes; media travel by reference."""

    _addresses = field_validator("grpc_address", "http_address")(_address)


class JobSettings(BaseSettings):
    """The jobs' queue, records and events. Every process of a deployment takes the same values."""

    model_config = _config("JOBS")

    max_queued: int = Field(default=64, ge=1, le=100_000)
    """Jobs of one kind that may be unfinished (waiting or running); the next is refused with a retry hint."""

    result_ttl_s: float = Field(default=24 * 3600.0, ge=60)
    """How long a record is kept after its last change, seconds."""

    event_ttl_s: float = Field(default=3600.0, ge=60)
    """How long events are kept, seconds."""

    events_per_job: int = Field(default=1024, ge=16)
    """Events kept of one job; past it the oldest go."""

    ack_wait_s: float = Field(default=10.0, ge=0.5, le=300)
    """A job whose worker was silent for so long goes to another one, seconds. Workers report every third of it."""

    max_attempts: int = Field(default=5, ge=1, le=100)
    """Starts of one job before it fails as poison."""

    backoff_s: tuple[Annotated[float, Field(ge=0, le=3600)], ...] = Field(
        default=(0.5, 1.0, 2.0, 4.0, 8.0), min_length=1
    )
    """Pause before each further attempt after a retryable failure, seconds; the last one repeats."""

    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Longest time from submission to the end, seconds; also where the client gave none."""

    service_time_s: float = Field(default=5.0, gt=0)
    """Expected time of one job until workers have measured it, seconds."""

    janitor_interval_s: float = Field(default=15.0, gt=0)
    """Pause between looks for records that lost their message and jobs whose deadline passed, seconds."""

    outage_patience_s: float = Field(default=30.0, ge=0)
    """How long a worker goes on trying to store a result while NATS is away, seconds."""
