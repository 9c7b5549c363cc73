"""NATS: the connection, the streams, key-value buckets and the object store."""

from __future__ import annotations

from luce.server.bus.connection import BusClient, connect
from luce.server.bus.objects import ObjectStore

__all__ = ["BusClient", "ObjectStore", "connect"]
