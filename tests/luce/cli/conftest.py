from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.luce.server import SmallServer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(server: SmallServer, tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LUCE_SERVER": server.address, "LUCE_HOME": str(tmp_path / "home")}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "luce.cli.main", *arguments]
        env = {name: value for name, value in (environment | changed).items() if value}
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.ogg"
    path.write_bytes(b"a song")
    return path
