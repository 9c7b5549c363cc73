"""Settings of the gateway: unsafe ones are refused."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings, is_loopback, split_address

_DIGEST = hashlib.sha256(b"a key").hexdigest()


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "[::]:8080", "192.168.1.4:80", "luce.example:80"])
def test_an_open_door_without_keys_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="LUCE_GATEWAY_API_KEYS is empty"):
        GatewaySettings(http_address=address)
    with pytest.raises(ValidationError, match="LUCE_GATEWAY_API_KEYS is empty"):
        GatewaySettings(grpc_address=address)
    assert (
        GatewaySettings.model_validate({"http_address": address, "api_keys": f"me:{_DIGEST}"}).http_address == address
    )


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"])
def test_loopback_is_told_from_the_rest(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["127.0.0.1", ":8080", "host:port", "host:70000", ""])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ValueError, match="not HOST:PORT"):
        split_address(address)


@pytest.mark.parametrize(
    "keys",
    ["me", "me:abc", "me:the-key-itself", f"a b:{_DIGEST}", f"me:{_DIGEST},me:{_DIGEST}", f"anonymous:{_DIGEST}"],
)
def test_keys_that_are_not_name_and_digest_are_refused(keys: str) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate({"api_keys": keys})


def test_keys_come_from_the_environment_and_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_GATEWAY_API_KEYS", f"me:{_DIGEST}, you:{_DIGEST.upper()}")
    settings = GatewaySettings()
    assert list(settings.api_keys) == ["me", "you"]
    assert settings.api_keys["you"].get_secret_value() == _DIGEST
    assert _DIGEST not in repr(settings)
