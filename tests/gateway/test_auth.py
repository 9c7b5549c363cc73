"""API keys."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth import ANONYMOUS, Keyring
from luce.errors import Unauthenticated


def _ring(**keys: str) -> Keyring:
    return Keyring({name: hashlib.sha256(key.encode()).hexdigest() for name, key in keys.items()})


def test_a_key_tells_its_owner_in_either_header() -> None:
    ring = _ring(ada="one", bob="two")
    assert ring.owner("Bearer two") == "bob"
    assert ring.owner("bearer  one ") == "ada"
    assert ring.owner(None, "one") == "ada"


@pytest.mark.parametrize("authorization", [None, "", "two", "Basic two", "Bearer ", "Bearer three", "Bearer onetwo"])
def test_anything_else_is_refused(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        _ring(ada="one", bob="two").owner(authorization)


def test_a_wrong_bearer_is_not_saved_by_a_right_api_key() -> None:
    with pytest.raises(Unauthenticated):
        _ring(ada="one").owner("Bearer wrong", "one")


def test_without_keys_everybody_is_anonymous() -> None:
    assert Keyring({}).owner("Bearer whatever") == ANONYMOUS


@given(st.text(max_size=50))
def test_no_other_text_is_the_key(text: str) -> None:
    ring = _ring(ada="the one key")
    if text.strip() != "the one key":
        with pytest.raises(Unauthenticated):
            ring.owner(f"Bearer {text}")
