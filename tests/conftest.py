"""Real servers on free ports, shared by every test that needs one."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.media", "tests.fixtures.nats", "tests.fixtures.stack", "tests.fixtures.triton"]
