from __future__ import annotations

import asyncio

import pytest
from nats.js import api

from luce.errors import Unavailable
from luce.server.bus import Bucket, BusClient, StreamFull, Streams, WrongRevision, connect
from luce.server.settings import BusSettings
from tests.fixtures.nats import NatsServer, free_port

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def streams(nats: BusClient) -> Streams:
    return Streams(nats.jetstream(), timeout_s=2.0)


@pytest.fixture
async def bucket(streams: Streams) -> Bucket:
    bucket = Bucket(streams, "TEST", ttl_s=3600)
    await bucket.ensure()
    return bucket


async def test_no_server_is_unavailable_within_the_deadline() -> None:
    with pytest.raises(Unavailable, match="NATS does not answer"):
        await connect(BusSettings(url=f"nats://127.0.0.1:{free_port()}", connect_timeout_s=0.5), "test")


async def test_a_key_is_created_once(bucket: Bucket) -> None:
    outcomes = await asyncio.gather(*(bucket.create("k", b"%d" % n) for n in range(10)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(winners) == 1
    assert all(isinstance(outcome, WrongRevision) for outcome in outcomes if not isinstance(outcome, int))


async def test_an_update_needs_the_latest_revision(bucket: Bucket) -> None:
    first = await bucket.create("k", b"a")
    second = await bucket.update("k", b"b", first)
    with pytest.raises(WrongRevision):
        await bucket.update("k", b"c", first)
    entry = await bucket.get("k")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"b", second)


async def test_many_keys_are_read_in_one_request(bucket: Bucket) -> None:
    for name in ("a.1", "a.2", "b.1"):
        await bucket.put(name, name.encode())
    assert sorted(await bucket.keys("a.*")) == ["a.1", "a.2"]
    found = await bucket.get_many(["a.2", "a.3", "b.1"])
    assert {key: entry.value for key, entry in found.items()} == {"a.2": b"a.2", "b.1": b"b.1"}
    assert await bucket.get("a.3") is None


async def test_changes_tell_the_latest_value_of_each_changed_key(bucket: Bucket) -> None:
    await bucket.put("a", b"1")
    revision = await bucket.put("b", b"1")
    await bucket.put("a", b"2")
    assert [(entry.key, entry.value) for entry in await bucket.changes(revision)] == [("a", b"2")]
    assert [entry.key for entry in await bucket.changes(0)] == ["b", "a"]


async def test_a_deleted_key_can_be_created_again(bucket: Bucket) -> None:
    await bucket.create("k", b"a")
    await bucket.delete("k")
    assert await bucket.get("k") is None
    await bucket.create("k", b"b")


def queue(limit: int) -> api.StreamConfig:
    return api.StreamConfig(
        name="QUEUE",
        subjects=["queue.*"],
        retention=api.RetentionPolicy.WORK_QUEUE,
        discard=api.DiscardPolicy.NEW,
        max_msgs_per_subject=limit,
        discard_new_per_subject=True,
        allow_direct=True,
        duplicate_window=120,
    )


async def test_a_stream_is_bounded_per_subject_and_updated_in_place(streams: Streams) -> None:
    await streams.reconcile(queue(2))
    for number in range(2):
        await streams.publish("queue.a", b"x", message_id=f"a{number}")
    with pytest.raises(StreamFull):
        await streams.publish("queue.a", b"x", message_id="a2")
    await streams.publish("queue.b", b"x", message_id="b0")
    await streams.reconcile(queue(3))
    await streams.publish("queue.a", b"x", message_id="a2")
    assert [message.sequence for message in await streams.following("QUEUE", "queue.a", 0)] == [1, 2, 4]


async def test_the_same_message_id_is_stored_once(streams: Streams) -> None:
    await streams.reconcile(queue(5))
    assert await streams.publish("queue.a", b"x", message_id="id") == await streams.publish(
        "queue.a", b"x", message_id="id"
    )
    assert len(await streams.following("QUEUE", "queue.a", 0)) == 1


async def test_deleting_a_message_twice_tells_so(streams: Streams) -> None:
    await streams.reconcile(queue(5))
    sequence = await streams.publish("queue.a", b"x")
    assert await streams.delete("QUEUE", sequence)
    assert not await streams.delete("QUEUE", sequence)
    assert await streams.at("QUEUE", sequence) is None


async def test_a_stream_that_is_missing_is_unavailable(streams: Streams) -> None:
    with pytest.raises(Unavailable):
        await streams.publish("nobody.stores.this", b"x")
    with pytest.raises(Unavailable):
        await streams.last("NO_STREAM", "a")
    with pytest.raises(Unavailable):
        await streams.following("NO_STREAM", "a", 0)


async def test_while_nats_is_down_requests_fail_and_afterwards_they_work_again(
    nats: BusClient, nats_server: NatsServer, bucket: Bucket
) -> None:
    revision = await bucket.create("k", b"kept")
    again = asyncio.Event()

    async def listener() -> None:
        again.set()

    unregister = nats.on_reconnect(listener)
    nats_server.kill()
    with pytest.raises(Unavailable) as failure:
        async with asyncio.timeout(5):
            await bucket.get("k")
    assert failure.value.retry_after
    with pytest.raises(Unavailable):
        await bucket.put("k", b"lost")
    nats_server.start()
    async with asyncio.timeout(10):
        await again.wait()
    unregister()
    entry = await bucket.patient(5).get("k")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"kept", revision)


async def test_a_server_that_hangs_is_unavailable(nats: BusClient, nats_server: NatsServer, bucket: Bucket) -> None:
    nats_server.pause()
    try:
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5):
                await bucket.get("k")
    finally:
        nats_server.resume()
    assert await bucket.patient(5).get("k") is None
