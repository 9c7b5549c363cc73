"""The service host: one servicer class behind gRPC and NATS, with health, metrics, traces and drain."""

from __future__ import annotations

from luce.server.host.dependency import Dependency
from luce.server.host.host import ServiceHost
from luce.server.host.rpc_client import NatsRpc

__all__ = ["Dependency", "NatsRpc", "ServiceHost"]
