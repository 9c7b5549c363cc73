"""No program forks servers with gRPC's handlers around fork(), which may abort the child."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Prints what gRPC will read, at the moment when it is first imported.
_WATCH = """
import importlib, os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print("GRPC_ENABLE_FORK_SUPPORT =", os.environ.get("GRPC_ENABLE_FORK_SUPPORT"))

sys.meta_path.insert(0, Watch())
importlib.import_module(sys.argv[1])
import grpc
"""


@pytest.mark.parametrize(
    "program", ["gateway.main", "services.agents.main", "services.mapping.main", "luce.server.local.supervisor"]
)
def test_grpc_is_imported_with_its_fork_handlers_off(program: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"}
    told = subprocess.run(
        [sys.executable, "-c", _WATCH, program], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.splitlines() == ["GRPC_ENABLE_FORK_SUPPORT = 0"]
