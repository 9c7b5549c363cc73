"""Imports run one way, and serving needs no training library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Which of our own packages each may import.
ALLOWED = {
    "luce": {"luce"},
    "gateway": {"luce", "gateway"},
    "services": {"luce", "services"},
    "backends": {"luce", "backends"},
    "export": {"luce", "export"},
    # Measures models with the engines that serve them.
    "training": {"luce", "training", "export", "backends"},
}
OURS = {*ALLOWED, "loadtests", "examples", "tests"}


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    files = sources(package)
    assert files
    for path in files:
        for module in imported_modules(path):
            top = module.split(".")[0]
            assert top not in OURS or top in ALLOWED[package], f"{path.relative_to(ROOT)} imports {module}"


def test_the_sdk_never_imports_the_server_except_from_the_command_line() -> None:
    for path in sources("luce"):
        relative = path.relative_to(ROOT / "luce")
        if relative.parts[0] in {"server", "cli"}:
            continue
        for module in imported_modules(path):
            assert not module.startswith(("luce.server", "luce.cli")), f"{relative} imports {module}"


def test_no_service_imports_another() -> None:
    for path in sources("services"):
        relative = path.relative_to(ROOT / "services")
        if len(relative.parts) < 2:
            continue
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] == "services" and len(parts) > 1:
                assert parts[1] == relative.parts[0], f"{relative} imports {module}"


def test_nothing_at_serving_time_imports_torch() -> None:
    for package in ("luce", "gateway", "services", "backends"):
        for path in sources(package):
            for module in imported_modules(path):
                assert module.split(".")[0] not in {"torch", "sklearn", "pretty_midi"}, f"{path}: {module}"


def test_the_sdk_imports_with_grpcio_and_protobuf_alone() -> None:
    # -S and an explicit path would lose the wheels themselves; blocking every other top-level package does not.
    script = """
import sys
allowed = {"grpc", "google", "luce", "typing_extensions"} | set(sys.stdlib_module_names)
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in allowed and not top.startswith("_"):
            raise ModuleNotFoundError(name)
        return None
sys.meta_path.insert(0, Block())
import luce
assert luce.Client and luce.AsyncClient
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
