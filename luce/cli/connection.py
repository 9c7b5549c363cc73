"""Arguments that every command shares which talks to a server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from luce._client import AsyncClient
from luce._config import DEFAULT_TIMEOUT, Timeout
from luce.errors import InvalidArgument


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the server is, and how long to wait for it."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="the gateway's gRPC door (default: LUCE_SERVER, or the running stack, or one of our own). The API key is "
        "read from LUCE_API_KEY",
    )
    group.add_argument("--tls", action=argparse.BooleanOptionalAction, default=None, help="encrypt the connection")
    group.add_argument(
        "--timeout", type=_positive, metavar="SECONDS", help="give up after so long (default: 600 s for a job)"
    )


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def require_file(path: str, field: str = "SONG") -> None:
    """See that there is a file before a server is looked for.

    Raises:
        InvalidArgument: There is none.
    """
    if not Path(path).is_file():
        raise InvalidArgument(f"{field}: there is no file {path}", field=field)


def client_for(arguments: argparse.Namespace, address: str) -> AsyncClient:
    """A client of this server."""
    timeout = DEFAULT_TIMEOUT
    if arguments.timeout is not None:
        timeout = Timeout(
            connect=min(timeout.connect, arguments.timeout), call=arguments.timeout, job=arguments.timeout
        )
    return AsyncClient(address, api_key=os.environ.get("LUCE_API_KEY"), tls=arguments.tls, timeout=timeout)
