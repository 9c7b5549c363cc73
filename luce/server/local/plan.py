"""What a stack is made of: its processes, their order, their addresses, their environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from luce.server.local.checkout import Checkout, MissingPart
from luce.server.local.nats import NatsNotInstalled, NatsOptions, nats_process
from luce.server.local.ports import LOOPBACK, free_ports
from luce.server.local.process import ProcessSpec, http_probe
from luce.server.local.supervisor import Service
from luce.server.local.triton import TritonNotInstalled, TritonOptions, triton_process

MODEL_REPOSITORY: Final = "LUCE_MODEL_REPOSITORY"
"""Variable that names another profile's folder of models."""

HTTP_PORT: Final = 8080
GRPC_PORT: Final = 8081
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
_PASSED_ON_PREFIXES: Final = ("LUCE_", "OTEL_")
# Of the user's own shell, and about this process; a child must not act on them.
_KEPT_BACK: Final = ("LUCE_HOME", "LUCE_SERVER", "LUCE_API_KEY")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What differs from one local stack to the next.

    Attributes:
        folder: State of all servers.
        postgres: Whether PostgreSQL runs; painting does without it.
        usual_ports: Whether the gateway takes its usual ports where they are free.
        extra_env: Settings (`LUCE_<AREA>_<FIELD>`) for services and gateway, over those of our own environment.
        model_repository: The models; None: `LUCE_MODEL_REPOSITORY`, or the checkout's own (the studio models).
    """

    folder: Path
    postgres: bool = True
    usual_ports: bool = True
    extra_env: Mapping[str, str] = field(default_factory=dict)
    model_repository: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A stack that can be started.

    Attributes:
        services: The processes with their order.
        endpoints: Name to address ("http", "grpc", "nats", "triton_grpc", "triton_http", "postgres").
    """

    services: tuple[Service, ...]
    endpoints: Mapping[str, str]


def make_plan(options: StackOptions, checkout: Checkout | None = None) -> Plan:
    """Choose ports, prepare the folders, and describe every process.

    Raises:
        MissingPart: Something is not installed; the message says what to install.
    """
    checkout = checkout or Checkout.find()
    models = _model_repository(options, checkout)
    usual = (HTTP_PORT, GRPC_PORT) if options.usual_ports else ()
    ports = free_ports(10, preferred=usual)
    http, grpc, nats, nats_http, triton_http, triton_grpc, triton_metrics, postgres, agents_http, mapping_http = ports
    endpoints = {
        "http": f"http://{LOOPBACK}:{http}",
        "grpc": f"{LOOPBACK}:{grpc}",
        "nats": f"nats://{LOOPBACK}:{nats}",
        "triton_http": f"http://{LOOPBACK}:{triton_http}",
        "triton_grpc": f"{LOOPBACK}:{triton_grpc}",
    }
    try:
        bus = nats_process(NatsOptions(options.folder / "nats", nats, nats_http))
        inference = triton_process(
            TritonOptions(
                model_repository=models,
                backends=checkout.backends,
                state=options.folder / "triton",
                source_root=checkout.root,
                http_port=triton_http,
                grpc_port=triton_grpc,
                metrics_port=triton_metrics,
                # Whoever calls it has drained before; what it still counts was cancelled, and it would wait for that.
                exit_timeout_s=3,
            )
        )
    except (NatsNotInstalled, TritonNotInstalled) as error:
        raise MissingPart(str(error)) from error
    services = [Service(bus), Service(inference)]
    env = _environment(options, checkout, endpoints)
    if options.postgres:
        described, dsn = _postgres(options.folder / "postgres", postgres)
        services.append(Service(described))
        # The address for people and files is without the password; services get it whole.
        endpoints["postgres"] = f"{LOOPBACK}:{postgres}"
        env["LUCE_POSTGRES_DSN"] = dsn
    agents = _python_service(
        "agents",
        "services.agents.main",
        checkout,
        {**env, "LUCE_HOST_HTTP_ADDRESS": f"{LOOPBACK}:{agents_http}"},
        f"http://{LOOPBACK}:{agents_http}/readyz",
    )
    mapping = _python_service(
        "mapping",
        "services.mapping.main",
        checkout,
        {**env, "LUCE_HOST_HTTP_ADDRESS": f"{LOOPBACK}:{mapping_http}"},
        f"http://{LOOPBACK}:{mapping_http}/readyz",
    )
    gateway = _python_service(
        "gateway",
        "gateway.main",
        checkout,
        {
            **env,
            "LUCE_GATEWAY_HTTP_ADDRESS": f"{LOOPBACK}:{http}",
            "LUCE_GATEWAY_GRPC_ADDRESS": f"{LOOPBACK}:{grpc}",
        },
        f"{endpoints['http']}/readyz",
    )
    services += [
        Service(agents, after=("nats",), uses=("triton",)),
        Service(mapping, after=("nats",), uses=("triton",)),
        Service(gateway, after=("nats",), uses=("triton", "agents", "mapping")),
    ]
    return Plan(tuple(services), endpoints)


def _postgres(folder: Path, port: int) -> tuple[ProcessSpec, str]:
    # Imported here, because it needs the driver, and commands against a server elsewhere do without one.
    from luce.server.local.postgres import PostgresNotInstalled, PostgresOptions, postgres_process

    try:
        described = postgres_process(PostgresOptions(folder, port))
    except PostgresNotInstalled as error:
        raise MissingPart(str(error)) from error
    return described.spec, described.dsn


def _model_repository(options: StackOptions, checkout: Checkout) -> Path:
    named = os.environ.get(MODEL_REPOSITORY)
    models = options.model_repository or (Path(named) if named else checkout.model_repository)
    if not models.is_dir():
        raise MissingPart(f"{models} is no folder of models: see {MODEL_REPOSITORY}")
    return models


def _environment(options: StackOptions, checkout: Checkout, endpoints: Mapping[str, str]) -> dict[str, str]:
    ours = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or (name.startswith(_PASSED_ON_PREFIXES) and name not in _KEPT_BACK)
    }
    return {
        # A start is told as soon as it is one, and no balancer needs time to notice an end.
        "LUCE_HOST_DEPENDENCY_INTERVAL_S": "0.3",
        "LUCE_HOST_DRAIN_WAIT_S": "0",
        **ours,
        **options.extra_env,
        "LUCE_NATS_URL": endpoints["nats"],
        "LUCE_TRITON_URL": endpoints["triton_grpc"],
        "PYTHONPATH": str(checkout.root),
        "PYTHONUNBUFFERED": "1",
        # The processors belong to Triton; the services' own arithmetic is small.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def _python_service(name: str, module: str, checkout: Checkout, env: Mapping[str, str], ready_url: str) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-m", module],
        env=env,
        cwd=checkout.root,
        ready=http_probe(ready_url),
        # It is ready when what it uses is: Triton's own start counts in.
        start_timeout_s=120.0,
    )
