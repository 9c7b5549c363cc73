"""Key-value buckets with compare-and-set, on the layout of NATS's own key-value buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nats.js import api

from luce.server.bus.streams import MAX_BATCH, Stored, Streams


@dataclass(frozen=True, slots=True)
class Entry:
    """One value.

    Attributes:
        key: in the bucket.
        value: the bytes.
        revision: place in the bucket's history; a compare-and-set names it.
    """

    key: str
    value: bytes
    revision: int


class Bucket:
    """One bucket.

    Args:
        streams: JetStream.
        name: of the bucket: letters, digits and underscores.
        ttl_s: how long a value is kept after its last change, seconds.
        replicas: copies.
        in_memory: keep it in memory only; a restart of NATS empties it.
    """

    def __init__(
        self, streams: Streams, name: str, *, ttl_s: float, replicas: int = 1, in_memory: bool = False
    ) -> None:
        self._streams = streams
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."
        self._config = api.StreamConfig(
            name=self._stream,
            subjects=[f"{self._prefix}>"],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.MEMORY if in_memory else api.StorageType.FILE,
            max_msgs_per_subject=1,
            max_age=ttl_s,
            discard=api.DiscardPolicy.NEW,
            allow_rollup_hdrs=True,
            deny_delete=True,
            allow_direct=True,
            num_replicas=replicas,
        )

    def patient(self, patience_s: float) -> Bucket:
        """The same bucket, with another patience."""
        other = object.__new__(Bucket)
        other.__dict__.update(self.__dict__, _streams=self._streams.patient(patience_s))
        return other

    async def ensure(self) -> None:
        """Create it, or bring its configuration up to date."""
        await self._streams.reconcile(self._config)

    async def get(self, key: str) -> Entry | None:
        """The value of a key."""
        stored = await self._streams.last(self._stream, self._prefix + key)
        return None if stored is None else self._entry(stored)

    async def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """The values of at most 256 keys, in one round trip; those without one are left out."""
        found = await self._streams.last_of(self._stream, [self._prefix + key for key in keys])
        return {entry.key: entry for entry in map(self._entry, found)}

    async def create(self, key: str, value: bytes) -> int:
        """Set a key that has no value; answers the revision. Raises `WrongRevision` where it has one."""
        return await self.update(key, value, 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Set a key whose value has this revision; answers the new one. Raises `WrongRevision`."""
        return await self._streams.publish(self._prefix + key, value, expected_last=revision)

    async def put(self, key: str, value: bytes) -> int:
        """Set a key, whatever its value; answers the revision."""
        return await self._streams.publish(self._prefix + key, value)

    async def delete(self, key: str) -> None:
        """Forget a key."""
        await self._streams.purge(self._stream, self._prefix + key)

    async def keys(self, matching: str = ">") -> list[str]:
        """The keys that match a pattern (`*` one token, `>` the rest), unsorted."""
        return [
            subject.removeprefix(self._prefix)
            for subject in await self._streams.subjects(self._stream, self._prefix + matching)
        ]

    async def changes(self, after_revision: int, *, matching: str = ">", limit: int = MAX_BATCH) -> list[Entry]:
        """The latest values of the keys that changed after a revision, in order of change, at most 256."""
        stored = await self._streams.following(self._stream, self._prefix + matching, after_revision, limit)
        return [self._entry(message) for message in stored]

    def _entry(self, stored: Stored) -> Entry:
        return Entry(stored.subject.removeprefix(self._prefix), stored.data, stored.sequence)
