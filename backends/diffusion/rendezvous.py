"""When the next step may run: once every member has come back.

Triton releases the requests of a batch one by one, so its next batch often holds only some of them, and requests that
differ in their optional inputs never share a batch at all. Stepping whatever a batch happens to hold would split the
requests in flight for good. Here a request that comes back early waits, by being rescheduled, for the others: Triton's
queue is first in, first out, so they are right behind it.
"""

from __future__ import annotations

from collections.abc import Hashable

PATIENCE = 4
"""How often one member may come back before the others are taken for lost. In a first-in, first-out queue nobody comes
back twice before a waiting request came once; the rest of the margin costs nothing."""


class Rendezvous:
    """Counts the arrivals of members between two steps."""

    def __init__(self) -> None:
        self._arrivals: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._arrivals)

    def arrive(self, member: Hashable) -> None:
        """A member, old or new, is there."""
        self._arrivals[member] = self._arrivals.get(member, 0) + 1

    def leave(self, member: Hashable) -> None:
        """A member is done."""
        self._arrivals.pop(member, None)

    def complete(self) -> bool:
        """Whether every member is there."""
        return bool(self._arrivals) and all(self._arrivals.values())

    def lost(self) -> list[Hashable]:
        """Members that did not come although another came `PATIENCE` times: the server dropped them."""
        if max(self._arrivals.values(), default=0) < PATIENCE:
            return []
        return [member for member, count in self._arrivals.items() if count == 0]

    def dismiss(self) -> None:
        """A step has run: everybody is awaited again."""
        for member in self._arrivals:
            self._arrivals[member] = 0
