"""Where the server is, and how its channels are set up: shared by both drivers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.message import Message

from luce._config import Limits
from luce._home import RUN_FILE, home
from luce._version import __version__

DEFAULT_SERVER: Final = "127.0.0.1:8081"
_LOOPBACK: Final = ("localhost", "127.", "[::1]", "unix:")


def serialize(message: Message) -> bytes:
    """A message's bytes, for gRPC."""
    return message.SerializeToString()


def default_server() -> str:
    """The server to talk to where none is named: `LUCE_SERVER`, the running local stack, or `DEFAULT_SERVER`."""
    named = os.environ.get("LUCE_SERVER")
    if named:
        return named
    return _running_stack(home() / RUN_FILE) or DEFAULT_SERVER


def _running_stack(run_file: Path) -> str | None:
    try:
        grpc_address = json.loads(run_file.read_bytes())["endpoints"]["grpc"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return grpc_address if isinstance(grpc_address, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One server, and who we are to it.

    Attributes:
        address: "host:port".
        api_key: Sent with every call; never shown.
        tls: Whether the channel is encrypted; None: no, and then an API key is only sent to this machine.
        root_certificates: PEM of the authorities to trust; None: the system's.
        limits: Channels, message sizes and keepalive.

    Raises:
        ValueError: An API key would leave this machine unencrypted without `tls=False` saying so.
    """

    address: str
    api_key: str | None = field(default=None, repr=False)
    tls: bool | None = None
    root_certificates: bytes | None = field(default=None, repr=False)
    limits: Limits

    def __post_init__(self) -> None:
        if self.api_key and self.tls is None and not self.address.startswith(_LOOPBACK):
            raise ValueError(
                f"an API key would go to {self.address} unencrypted: pass tls=True, or tls=False to accept that"
            )

    def credentials(self) -> grpc.ChannelCredentials | None:
        """What a secure channel needs; None for a plain one."""
        if not self.tls:
            return None
        return grpc.ssl_channel_credentials(self.root_certificates)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()

    def options(self, index: int) -> list[tuple[str, int | str]]:
        """Arguments of the channel of this index."""
        limits = self.limits
        return [
            # Channels of equal arguments share one connection: the index and the local pool keep them apart.
            ("luce.channel_index", index),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.primary_user_agent", f"luce-python/{__version__}"),
            ("grpc.max_send_message_length", limits.max_message_bytes),
            ("grpc.max_receive_message_length", limits.max_message_bytes),
            ("grpc.keepalive_time_ms", int(limits.keepalive * 1000)),
            ("grpc.keepalive_timeout_ms", int(limits.keepalive_timeout * 1000)),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            # Retries are ours: they know what is safe to repeat and honour the server's hint.
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0 if self.address.startswith(_LOOPBACK) else 1),
        ]

    def unreachable(self, timeout_s: float) -> str:
        """What to tell people when nobody answers."""
        return f"no server answers at {self.address} (waited {timeout_s:g} s)"
