from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import luce
from tests.luce.server import SmallServer

QUICK = luce.Retry(attempts=4, first_delay=0.01, max_delay=0.02)


@pytest.fixture
def server() -> Iterator[SmallServer]:
    server = SmallServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: SmallServer) -> Iterator[luce.Client]:
    with luce.Client(server.address, retry=QUICK) as client:
        yield client


@pytest.fixture
async def async_client(server: SmallServer) -> AsyncIterator[luce.AsyncClient]:
    async with luce.AsyncClient(server.address, retry=QUICK) as client:
        yield client
