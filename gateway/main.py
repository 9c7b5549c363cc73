"""The gateway's process: `python -m gateway.main`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys

import uvloop
from pydantic import ValidationError

from gateway.app import Settings, assemble
from luce.errors import Unavailable
from luce.server import telemetry
from luce.server.settings import TelemetrySettings

_log = logging.getLogger("gateway")

EXIT_UNAVAILABLE = 69
"""sysexits.h EX_UNAVAILABLE: something that the gateway cannot start without is down."""

EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG: the settings are refused."""


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    # Before anything that takes time, so that a signal during the start is heard too.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with assemble(settings) as server:
        # What lives until the end need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        await server.run(stopping)


def main() -> int:
    """Serves until SIGTERM or SIGINT; the exit status."""
    try:
        settings, telemetry_settings = Settings(), TelemetrySettings()
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        for problem in error.errors(include_input=False, include_url=False):
            print(f"gateway: {'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIG
    installed = telemetry.setup("gateway", telemetry_settings)
    try:
        uvloop.run(_serve(settings))
    except Unavailable as error:
        _log.error("the gateway cannot start: %s", error.message)
        return EXIT_UNAVAILABLE
    finally:
        installed.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
