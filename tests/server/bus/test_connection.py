"""The connection to NATS keeps its word where nats-py alone would not."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg

from luce.server.bus import BusClient, connect
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.timeout(60)


async def test_a_flush_that_nobody_waits_for_any_more_does_not_end_the_connection(nats: BusClient) -> None:
    subscription = await nats.subscribe("heard")
    await nats.flush()
    for turns in range(20):
        flush = asyncio.create_task(nats.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        flush.cancel()
        await nats.publish("heard", str(turns).encode())
        assert (await subscription.next_msg(timeout=2)).data == str(turns).encode()
    assert nats.reconnections == 0


async def test_a_flush_that_ran_out_of_time_does_not_end_the_connection(nats: BusClient) -> None:
    subscription = await nats.subscribe("heard")
    late: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    await nats._send_ping(late)
    late.cancel()
    await nats.publish("heard", b"still")
    assert (await subscription.next_msg(timeout=2)).data == b"still"


async def agree(message: Msg) -> None:
    await message.respond(b"yes")


async def test_after_a_flush_the_server_knows_of_all_before_it(nats: BusClient, nats_server: NatsServer) -> None:
    other = await connect(nats_server.settings, "other")
    try:
        for number in range(100):
            subject = f"asked.{number}"
            await other.subscribe(subject, cb=agree)
            await other.flush()
            assert (await nats.request(subject, b"", timeout=2)).data == b"yes"
    finally:
        await other.close()
