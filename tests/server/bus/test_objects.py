from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from luce.errors import InvalidArgument, NotFound, PayloadTooLarge, ResourceExhausted
from luce.server.bus import BusClient, ObjectStore, Streams
from luce.server.settings import MIB, BusSettings
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def objects(nats: BusClient, nats_server: NatsServer) -> ObjectStore:
    store = ObjectStore(nats.jetstream(), nats_server.settings)
    await store.ensure()
    return store


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def stored_chunks(nats: BusClient) -> list[str]:
    return await Streams(nats.jetstream()).subjects("OBJ_LUCE_OBJECTS", "$O.LUCE_OBJECTS.C.>")


@pytest.mark.parametrize("size", [1, 256 * 1024, 256 * 1024 + 1, 3 * MIB])
async def test_what_was_put_comes_back_whole_with_its_digest(objects: ObjectStore, size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    blob = await objects.put(data, media_type="audio/ogg", filename="a.ogg", owner="ann", max_bytes=4 * MIB)
    assert blob.size == size
    assert blob.sha256 == hashlib.sha256(data).hexdigest()
    assert await objects.get(blob.key, owner="ann") == data
    assert await objects.info(blob.key, "ann") == blob


async def test_a_stream_of_small_pieces_is_stored_in_order(objects: ObjectStore) -> None:
    parts = [bytes([index % 256]) * 10_000 for index in range(100)]
    blob = await objects.put(pieces(*parts), media_type="x/y", filename="f", owner="ann", max_bytes=MIB)
    read = [chunk async for chunk in objects.stream(blob.key)]
    assert b"".join(read) == b"".join(parts)
    assert len(read) == 4


async def test_another_owner_sees_no_file(objects: ObjectStore) -> None:
    blob = await objects.put(b"mine", media_type="x/y", filename="f", owner="ann", max_bytes=10)
    with pytest.raises(NotFound):
        await objects.get(blob.key, owner="bob")
    with pytest.raises(NotFound):
        await objects.info(blob.key, "bob")
    with pytest.raises(NotFound):
        await objects.get("upload-nothing", owner="ann")
    assert await objects.get(blob.key, owner=None) == b"mine"


async def test_an_upload_that_grows_too_large_is_refused_and_leaves_nothing(
    objects: ObjectStore, nats: BusClient
) -> None:
    with pytest.raises(PayloadTooLarge) as refusal:
        await objects.put(
            pieces(*[bytes(300_000)] * 5), media_type="x/y", filename="f", owner="ann", max_bytes=1_000_000
        )
    assert refusal.value.limit == "1..1000000 bytes"
    assert await stored_chunks(nats) == []


async def test_an_upload_that_breaks_off_leaves_nothing(objects: ObjectStore, nats: BusClient) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(600_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await objects.put(broken(), media_type="x/y", filename="f", owner="ann", max_bytes=MIB)
    assert await stored_chunks(nats) == []


async def test_an_empty_upload_is_refused(objects: ObjectStore) -> None:
    with pytest.raises(InvalidArgument):
        await objects.put(b"", media_type="x/y", filename="f", owner="ann", max_bytes=10)


async def test_a_full_store_refuses_with_a_retry_hint(nats: BusClient, nats_server: NatsServer) -> None:
    settings = BusSettings(url=nats_server.url, object_store_bytes=16 * MIB)
    store = ObjectStore(nats.jetstream(), settings)
    await store.ensure()
    await store.put(bytes(12 * MIB), media_type="x/y", filename="f", owner="ann", max_bytes=20 * MIB)
    with pytest.raises(ResourceExhausted) as refusal:
        await store.put(bytes(6 * MIB), media_type="x/y", filename="f", owner="ann", max_bytes=20 * MIB)
    assert refusal.value.retry_after
    await store.put(bytes(2 * MIB), media_type="x/y", filename="f", owner="ann", max_bytes=20 * MIB)


async def test_an_upload_goes_on_through_a_restart_of_nats(
    nats: BusClient, nats_server: NatsServer, objects: ObjectStore
) -> None:
    patient = ObjectStore(nats.jetstream(), nats_server.settings, patience_s=20)
    parts = [bytes([index]) * 256 * 1024 for index in range(6)]

    async def interrupted() -> AsyncIterator[bytes]:
        for index, part in enumerate(parts):
            if index == 3:
                nats_server.restart()
            yield part

    blob = await patient.put(interrupted(), media_type="x/y", filename="f", owner="ann", max_bytes=4 * MIB)
    assert await patient.get(blob.key) == b"".join(parts)
