from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from luce.server.local.postgres import PostgresOptions, PostgresProcess, postgres_process
from tests.fixtures.nats import free_port
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(90)


@asynccontextmanager
async def running(described: PostgresProcess) -> AsyncIterator[asyncio.subprocess.Process]:
    spec = described.spec
    process = await asyncio.create_subprocess_exec(
        *spec.argv, env=dict(spec.env), cwd=spec.cwd, start_new_session=True, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until(spec.ready, spec.start_timeout_s)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(spec.stop_signal)
            async with asyncio.timeout(spec.stop_timeout_s):
                await process.wait()


async def test_it_starts_with_vectors_keeps_its_data_and_survives_kill_9(tmp_path: Path) -> None:
    described = postgres_process(PostgresOptions(tmp_path / "postgres", free_port()))
    assert not await described.spec.ready()
    async with running(described) as process:
        async with await psycopg.AsyncConnection.connect(described.dsn, autocommit=True) as connection:
            await connection.execute("CREATE TABLE tracks (id int, mood vector(2))")
            await connection.execute("INSERT INTO tracks VALUES (1, '[1,0]'), (2, '[0,1]')")
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    assert not await described.spec.ready()
    # A client that stays connected does not hold up the end.
    async with running(described) as process:
        connection = await psycopg.AsyncConnection.connect(described.dsn, autocommit=True)
        found = await connection.execute("SELECT id FROM tracks ORDER BY mood <-> '[0.9,0.1]' LIMIT 1")
        assert await found.fetchone() == (1,)
    assert process.returncode == 0
    await connection.close()


async def test_nobody_comes_in_without_the_password(tmp_path: Path) -> None:
    described = postgres_process(PostgresOptions(tmp_path / "postgres", free_port()))
    assert "password" not in repr(described)
    assert described.dsn not in repr(described)
    assert stat.S_IMODE((tmp_path / "postgres" / "password").stat().st_mode) == 0o600
    again = postgres_process(PostgresOptions(tmp_path / "postgres", free_port()))
    assert again.dsn.partition("@")[0] == described.dsn.partition("@")[0]
    async with running(described):
        without = f"postgresql://postgres:wrong@{described.dsn.partition('@')[2]}"
        with pytest.raises(psycopg.OperationalError, match="password"):
            await psycopg.AsyncConnection.connect(without)
