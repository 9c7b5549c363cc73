"""When the next step may run: once every member has come back.

Triton releases the requests of a batch one by one, so its next batch often holds only some of them, and requests that
differ in their optional inputs never share a batch at all. Stepping whatever a batch happens to hold would split the
requests in flight for good. Here a request that comes back early waits, by being rescheduled, for the others: Triton's
queue is first in, first out, so they are right behind it.

A request whose client leaves while it stands in Triton's queue never comes back, and nobody tells. It is taken for
lost once another request, member or not, came `PATIENCE` times meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable

PATIENCE = 4
"""In a first-in, first-out queue nobody comes back twice before a waiting request came once; the rest of the margin
costs less than a step."""


class Rendezvous:
    """Counts the arrivals of members, and of others as witnesses, between two steps."""

    def __init__(self) -> None:
        self._arrivals: dict[Hashable, int] = {}
        self._witnesses: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._arrivals)

    def arrive(self, member: Hashable) -> None:
        """A member, old or new, is there."""
        self._arrivals[member] = self._arrivals.get(member, 0) + 1

    def witness(self, other: Hashable) -> None:
        """Somebody came who is no member: it only helps to tell who is lost."""
        self._witnesses[other] = self._witnesses.get(other, 0) + 1

    def leave(self, key: Hashable) -> None:
        """A member, or a witness, is done."""
        self._arrivals.pop(key, None)
        self._witnesses.pop(key, None)

    def complete(self) -> bool:
        """Whether every member is there; without members there is nobody to wait for."""
        return all(self._arrivals.values())

    def lost(self) -> list[Hashable]:
        """Members that did not come although somebody came `PATIENCE` times."""
        if max([0, *self._arrivals.values(), *self._witnesses.values()]) < PATIENCE:
            return []
        return [member for member, count in self._arrivals.items() if count == 0]

    def dismiss(self) -> None:
        """A step has run: everybody is awaited again."""
        self._arrivals = dict.fromkeys(self._arrivals, 0)
        self._witnesses.clear()
