"""Settings of the gateway."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.auth import ANONYMOUS

_KEY_ENTRY: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,63}):(?P<digest>[0-9a-fA-F]{64})")


def split_address(address: str) -> tuple[str, int]:
    """`"127.0.0.1:8080"` or `"[::1]:8080"` as host and port; port 0 takes a free one.

    Raises:
        ValueError: Where it is not HOST:PORT.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"not HOST:PORT: {address!r}")
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach HOST:PORT."""
    host, _ = split_address(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class GatewaySettings(BaseSettings):
    """What the gateway listens on, whom it lets in and how much it takes."""

    model_config = SettingsConfigDict(env_prefix="LUCE_GATEWAY_", frozen=True, use_attribute_docstrings=True)

    http_address: str = "127.0.0.1:8080"
    """HOST:PORT of the HTTP door. Port 0 takes a free one."""

    grpc_address: str = "127.0.0.1:8081"
    """HOST:PORT of the gRPC door. Port 0 takes a free one."""

    api_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(default_factory=dict)
    """Who may call: `NAME:SHA256HEX` pairs with commas between, the SHA-256 of each key. Empty: everybody is
    "anonymous", which is allowed on loopback alone."""

    max_wait_s: float = Field(default=60.0, ge=0, le=600)
    """Longest `Prefer: wait=N` that is honoured, seconds."""

    request_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long a request may take that brings no `X-Request-Timeout`, seconds. Event streams and waits have limits of
    their own."""

    upload_timeout_s: float = Field(default=300.0, gt=0, le=3600)
    """How long the bytes of one upload may take to arrive, seconds."""

    upload_memory_bytes: int = Field(default=256 * 1024 * 1024, ge=1024 * 1024)
    """Bytes of uploads on their way that may lie in memory, over all requests; past it uploads are refused with 429."""

    max_json_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Largest JSON body, bytes."""

    max_paint_cost: int = Field(default=100 * 512 * 512 * 4, ge=192 * 192)
    """Most work one job may ask for: steps × width × height × n."""

    max_music_cost: float = Field(default=180.0 * 4 * 8, ge=5)
    """Most music one job may ask for, seconds: length × n × candidates. A video counts as the longest that is taken."""

    max_inline_audio_s: float = Field(default=60.0, ge=0, le=600)
    """Audio up to so long is described in place, seconds; what is longer becomes a job."""

    max_requests: int = Field(default=1024, ge=16)
    """HTTP requests, and gRPC calls, in progress at once; past it new ones are refused."""

    max_event_streams: int = Field(default=256, ge=1)
    """Event streams (SSE and Watch) open at once; past it a new one is refused with 429."""

    event_keepalive_s: float = Field(default=15.0, gt=0, le=300)
    """A comment goes down an idle event stream this often, seconds, so that proxies keep it open."""

    event_send_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """An event stream whose reader takes nothing for so long is closed, seconds."""

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        keys: dict[str, str] = {}
        for entry in filter(None, (part.strip() for part in value.split(","))):
            match = _KEY_ENTRY.fullmatch(entry)
            if match is None:
                raise ValueError("each API key is NAME:SHA256HEX, 64 hexadecimal digits; store the digest, not the key")
            if match["name"] in keys or match["name"] == ANONYMOUS:
                raise ValueError(f"the key name {match['name']!r} is taken")
            keys[match["name"]] = match["digest"].lower()
        return keys

    @field_validator("http_address", "grpc_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        split_address(value)
        return value

    @model_validator(mode="after")
    def _refuse_an_open_door(self) -> GatewaySettings:
        exposed = [address for address in (self.http_address, self.grpc_address) if not is_loopback(address)]
        if exposed and not self.api_keys:
            raise ValueError(f"LUCE_GATEWAY_API_KEYS is empty, and {exposed[0]} can be reached from other machines")
        return self
