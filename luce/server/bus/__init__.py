"""NATS: the connection, the streams, key-value buckets and the object store."""

from __future__ import annotations

from luce.server.bus.connection import BusClient, connect
from luce.server.bus.keyvalue import Bucket, Entry
from luce.server.bus.objects import ObjectStore
from luce.server.bus.streams import StreamFull, Streams, WrongRevision

__all__ = ["Bucket", "BusClient", "Entry", "ObjectStore", "StreamFull", "Streams", "WrongRevision", "connect"]
