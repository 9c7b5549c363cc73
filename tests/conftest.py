"""Real servers on free ports, shared by every test that needs one."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

import luce.server  # noqa: F401 - before gRPC is imported: servers are forked beside its threads

pytest_plugins = ["tests.fixtures.media", "tests.fixtures.nats", "tests.fixtures.stack", "tests.fixtures.triton"]

# No test asserts a wall-clock time, a property no more than others; in CI the examples are the same each time.
settings.register_profile(
    "luce", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("luce")
