"""The local Triton's folder, command and environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from luce.server.local import triton
from luce.server.local.triton import (
    TritonNotInstalled,
    TritonOptions,
    TritonWheel,
    build_backend_directory,
    libpython_directory,
    stub_packages,
    triton_arguments,
    triton_environment,
)

ROOT = Path(__file__).parents[3]


def options(tmp_path: Path, models: list[str] | None = None) -> TritonOptions:
    return TritonOptions(tmp_path, tmp_path / "state", ROOT, 1, 2, 3, models=models, threads=5)


def test_the_backend_directory_holds_the_wheels_backend_and_doors_to_ours(tmp_path: Path) -> None:
    folder = build_backend_directory(tmp_path, ["onnxruntime", "diffusion"], ROOT)
    assert {path.name for path in folder.iterdir()} == {"python", "onnxruntime", "diffusion"}
    assert os.access(folder / "python" / "triton_python_backend_stub", os.X_OK)
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    door = (folder / "diffusion" / "model.py").read_text()
    assert "from backends.diffusion.model import TritonPythonModel" in door
    assert build_backend_directory(tmp_path, ["diffusion"], ROOT) == folder


@pytest.mark.parametrize("name", ["nothing", "../elsewhere", str(ROOT / "backends" / "diffusion"), ""])
def test_a_name_that_is_no_backend_writes_nothing(tmp_path: Path, name: str) -> None:
    before = (ROOT / "backends" / "diffusion" / "model.py").read_bytes()
    with pytest.raises(FileNotFoundError):
        build_backend_directory(tmp_path, [name], ROOT)
    assert (ROOT / "backends" / "diffusion" / "model.py").read_bytes() == before


def test_the_server_listens_on_loopback_alone(tmp_path: Path) -> None:
    arguments = triton_arguments(options(tmp_path), Path("/bin/tritonserver"), tmp_path)
    addresses = [argument for argument in arguments if "-address=" in argument]
    assert len(addresses) == 3
    assert all(argument.endswith("=127.0.0.1") for argument in addresses)
    assert "--model-control-mode=none" in arguments


def test_named_models_alone_are_loaded(tmp_path: Path) -> None:
    arguments = triton_arguments(options(tmp_path, ["a", "b"]), Path("/bin/tritonserver"), tmp_path)
    assert arguments[-3:] == ["--model-control-mode=explicit", "--load-model=a", "--load-model=b"]


def test_the_environment_is_whole_and_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_SECRET", "x")
    env = triton_environment(options(tmp_path), Path("/libraries"))
    assert "LUCE_SECRET" not in env
    assert env["LUCE_TRITON_THREADS"] == "5"
    assert env["LD_LIBRARY_PATH"].startswith("/libraries:")


def test_a_missing_libpython_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton, "LIBPYTHON", "libpython9.99.so.1.0")
    with pytest.raises(TritonNotInstalled, match=r"apt-get install libpython3\.\d+"):
        libpython_directory()


def test_a_missing_numpy_for_the_stub_tells_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(triton, "STUB_PACKAGES", tmp_path)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.4.6")
    with pytest.raises(TritonNotInstalled, match="pip install --no-deps --target"):
        stub_packages()


def test_the_wheel_is_found_for_this_python() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in str(TritonWheel.find().stub)
