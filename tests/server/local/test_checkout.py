from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

import luce
from luce import _home
from luce._channels import default_server
from luce.server.local import checkout, state
from luce.server.local.checkout import Checkout, MissingPart, require_wheels
from luce.server.local.plan import StackOptions, make_plan
from luce.server.local.state import RunRecord


def test_a_checkout_knows_its_models_and_backends() -> None:
    found = Checkout.find()
    assert (found.root / "pyproject.toml").is_file()
    assert (found.model_repository / "text_encoder").is_dir()
    assert {"diffusion", "onnxruntime"} <= set(found.backends)


def test_outside_of_a_checkout_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gateway" else find(name))
    with pytest.raises(MissingPart, match=r"clone of the project.*--server"):
        Checkout.find()


def test_wheels_that_are_missing_are_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "LOCAL_WHEELS", ("psutil", "no-such-wheel"))
    with pytest.raises(MissingPart, match=r"not installed: no-such-wheel\. .*make setup"):
        require_wheels()


def test_every_wheel_that_is_looked_for_is_one_of_the_extras() -> None:
    required = " ".join(importlib.metadata.requires("luce") or [])
    assert all(wheel in required for wheel in checkout.LOCAL_WHEELS)


def test_a_folder_of_models_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="no folder of models"):
        make_plan(StackOptions(tmp_path, model_repository=tmp_path / "none"))


def test_a_plan_keeps_the_users_settings_and_its_own_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_AGENTS_DEFAULT_STEPS", "20")
    monkeypatch.setenv("LUCE_NATS_URL", "nats://elsewhere:4222")
    monkeypatch.setenv("LUCE_API_KEY", "secret")
    monkeypatch.setenv("UNRELATED", "x")
    plan = make_plan(StackOptions(tmp_path, usual_ports=False))
    by_name = {service.name: service for service in plan.services}
    env = by_name["agents"].spec.env
    assert env["LUCE_AGENTS_DEFAULT_STEPS"] == "20"
    assert env["LUCE_NATS_URL"] == plan.endpoints["nats"]
    assert "UNRELATED" not in env
    assert "LUCE_API_KEY" not in env
    assert all("127.0.0.1" in address for address in plan.endpoints.values())
    assert "password" not in "".join(plan.endpoints.values())
    assert set(by_name) == {"nats", "triton", "postgres", "agents", "mapping", "gateway"}


def test_home_is_the_named_folder_or_lies_in_the_checkout_or_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCE_HOME", str(tmp_path / "named"))
    assert _home.home() == tmp_path / "named"
    monkeypatch.delenv("LUCE_HOME")
    assert _home.home() == Checkout.find().root / ".luce"
    monkeypatch.setattr(_home, "__file__", str(tmp_path / "site-packages" / "luce" / "_home.py"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert _home.home() == tmp_path / "state" / "luce"


def test_a_client_finds_the_named_server_then_the_running_stack_then_the_usual_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCE_HOME", str(tmp_path))
    monkeypatch.delenv("LUCE_SERVER", raising=False)
    assert default_server() == "127.0.0.1:8081"
    state.write(tmp_path, RunRecord(1, 1, "ready", {"grpc": "127.0.0.1:4711"}))
    assert default_server() == "127.0.0.1:4711"
    monkeypatch.setenv("LUCE_SERVER", "luce.example:443")
    with luce.Client() as client:
        assert client.server == "luce.example:443"
