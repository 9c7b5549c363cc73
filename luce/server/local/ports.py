"""Free loopback ports for the servers of one stack."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_LOWEST: Final = 20_000
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _below_ephemeral() -> int:
    """The first port that the kernel hands out by itself. Below it a restarted server gets its own again."""
    try:
        return max(int(_RANGE_FILE.read_text(encoding="ascii").split()[0]), _LOWEST + 2_000)
    except (OSError, ValueError, IndexError):
        return 32_768


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As the servers do: a connection of the last owner that still lingers in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int, *, preferred: tuple[int, ...] = ()) -> list[int]:
    """Distinct free loopback ports; the i-th is the i-th of `preferred` where that one is free, another one otherwise.

    Raises:
        RuntimeError: There are not so many.
    """
    highest = _below_ephemeral()
    chosen: list[int] = []
    for place in range(count):
        wanted = preferred[place] if place < len(preferred) else 0
        candidates = [wanted] if wanted else []
        candidates += random.sample(range(_LOWEST, highest), 200)
        port = next((port for port in candidates if port not in chosen and is_free(port)), None)
        if port is None:
            raise RuntimeError(f"no free port on {LOOPBACK} in {_LOWEST}..{highest}")
        chosen.append(port)
    return chosen
