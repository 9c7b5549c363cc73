"""What a service needs in order to work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something outside of the process that must work.

    Attributes:
        name: short, for logs and metrics ("triton").
        check: returns while it works and raises where it does not; cut off after the host's timeout.
        services: full names of the gRPC services that need it; None: all of them.
    """

    name: str
    check: Callable[[], Awaitable[object]]
    services: Collection[str] | None = None
