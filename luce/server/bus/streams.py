"""Requests to JetStream with deadlines, in our errors: publish, read, delete, reconcile.

Reads go through "direct get", which needs no consumer and leaves nothing behind on the server, so that a restart of
NATS costs a reader nothing but a repeated request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext, api

from luce.errors import Internal, Unavailable
from luce.server.bus.cancellation import cancellable

log = logging.getLogger(__name__)

T = TypeVar("T")

# Error codes of the server, from its errors.json.
WRONG_SEQUENCE: Final = frozenset({10071, 10164})
STREAM_FULL: Final = frozenset({10047, 10077})
STREAM_MISSING: Final = 10059
CONSUMER_MISSING: Final = 10014
MESSAGE_MISSING: Final = frozenset({10037, 10043, 10057})

MAX_BATCH: Final = 256
_RETRY_AFTER_S: Final = 1.0


class WrongRevision(Exception):
    """A compare-and-set found another revision than it expected."""


class StreamFull(Exception):
    """The stream has reached its bound and refuses new messages."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it lies in a stream.

    Attributes:
        subject: where it was published.
        sequence: its place in the stream.
        data: its payload.
        headers: as published, and those of the server.
        remaining: messages of the same filter after it (batch reads), or 0.
    """

    subject: str
    sequence: int
    data: bytes
    headers: Mapping[str, str]
    remaining: int = 0

    @classmethod
    def from_reply(cls, data: bytes | None, headers: Mapping[str, str]) -> Stored:
        """From the answer to a direct get."""
        return cls(
            subject=headers["Nats-Subject"],
            sequence=int(headers["Nats-Sequence"]),
            data=data or b"",
            headers=headers,
            remaining=int(headers.get("Nats-Num-Pending", 0)),
        )


class Streams:
    """JetStream requests. Every one has a deadline; every failure is `Unavailable`, or says what is wrong.

    Args:
        js: JetStream of a connected client.
        timeout_s: how long one request may take, seconds.
        patience_s: how long to go on while NATS is away, seconds. Every write is idempotent, so it may be repeated.
    """

    def __init__(self, js: JetStreamContext, *, timeout_s: float = 2.5, patience_s: float = 0.0) -> None:
        self.js = js
        # nats-py offers no public way from JetStream back to its connection.
        self.nc = js._nc
        self._timeout_s = timeout_s
        self._patience_s = patience_s

    def patient(self, patience_s: float) -> Streams:
        """The same, with another patience."""
        return Streams(self.js, timeout_s=self._timeout_s, patience_s=patience_s)

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        message_id: str = "",
        expected_last: int | None = None,
    ) -> int:
        """Store a message and answer its sequence, or that of the first one with the same `message_id`.

        Raises `WrongRevision` where the subject's last sequence is not `expected_last` (0: none), `StreamFull`.
        """
        all_headers: dict[str, str] = dict(headers or {})
        if message_id:
            all_headers["Nats-Msg-Id"] = message_id
        if expected_last is not None:
            all_headers["Nats-Expected-Last-Subject-Sequence"] = str(expected_last)

        async def request() -> int:
            acknowledgement = await self.js.publish(
                subject, payload, timeout=self._timeout_s, headers=all_headers or None
            )
            return int(acknowledgement.seq)

        return await self._run(request)

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The last message of a subject."""
        return await self._direct(stream, {"last_by_subj": subject})

    async def next(self, stream: str, subject: str, after: int) -> Stored | None:
        """The first message that matches `subject` with a sequence above `after`."""
        return await self._direct(stream, {"seq": after + 1, "next_by_subj": subject})

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message at this sequence."""
        return await self._direct(stream, {"seq": sequence})

    async def following(self, stream: str, subject: str, after: int, limit: int = MAX_BATCH) -> list[Stored]:
        """The first `limit` (at most 256) messages that match `subject` with sequences above `after`."""
        return await self._batch(stream, {"seq": after + 1, "next_by_subj": subject, "batch": min(limit, MAX_BATCH)})

    async def last_of(self, stream: str, subjects: Sequence[str]) -> list[Stored]:
        """The last message of each of at most 256 subjects; those without one are left out."""
        if not subjects:
            return []
        return await self._batch(stream, {"multi_last": list(subjects), "batch": len(subjects)})

    async def subjects(self, stream: str, matching: str) -> list[str]:
        """The subjects that hold messages and match."""

        async def request() -> list[str]:
            info = await self.js.stream_info(stream, subjects_filter=matching)
            return list(info.state.subjects or ())

        return await self._run(request)

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message; False where it was gone already."""

        async def request() -> bool:
            try:
                return bool(await self.js.delete_msg(stream, sequence))
            except nats.js.errors.APIError as error:
                if error.err_code in MESSAGE_MISSING or error.code == 404:
                    return False
                raise

        return await self._run(request)

    async def purge(self, stream: str, subject: str) -> None:
        """Delete all messages of a subject."""

        async def request() -> None:
            await self.js.purge_stream(stream, subject=subject)

        await self._run(request)

    async def reconcile(self, wanted: api.StreamConfig) -> None:
        """Create a stream, or bring its configuration up to date."""

        async def request() -> None:
            try:
                found = (await self.js.stream_info(str(wanted.name))).config
            except nats.js.errors.NotFoundError:
                await self.js.add_stream(wanted)
                return
            changes = {
                name: value
                for name, value in vars(wanted).items()
                if value is not None and value != getattr(found, name, None) and not _unset(name, value)
            }
            if changes:
                log.info("updating the stream %s: %s", wanted.name, ", ".join(sorted(changes)))
                await self.js.update_stream(found.evolve(**changes))

        await self._run(request)

    async def reconcile_consumer(self, stream: str, wanted: api.ConsumerConfig) -> None:
        """Create a durable consumer, or bring its configuration up to date."""

        async def request() -> None:
            await self.js.add_consumer(stream, wanted, timeout=self._timeout_s)

        await self._run(request)

    async def consumer(self, stream: str, name: str) -> api.ConsumerInfo | None:
        """The state of a consumer, or None where there is none."""

        async def request() -> api.ConsumerInfo | None:
            try:
                info: api.ConsumerInfo = await self.js.consumer_info(stream, name, timeout=self._timeout_s)
                return info
            except nats.js.errors.NotFoundError as error:
                if error.err_code == CONSUMER_MISSING:
                    return None
                raise

        return await self._run(request)

    async def available(self) -> None:
        """Return where JetStream answers. Raises `Unavailable`."""

        async def request() -> None:
            await self.js.account_info()

        await self._run(request)

    async def _direct(self, stream: str, query: Mapping[str, Any]) -> Stored | None:
        payload = json.dumps(query).encode()

        async def request() -> Stored | None:
            reply = await self.nc.request(f"$JS.API.DIRECT.GET.{stream}", payload, timeout=self._timeout_s)
            headers: dict[str, str] = reply.headers or {}
            status = headers.get("Status")
            if status == "404":
                return None
            if status is not None:
                raise Internal(f"direct get from {stream} answered {status}")
            return Stored.from_reply(reply.data, headers)

        return await self._run(request)

    async def _batch(self, stream: str, query: Mapping[str, Any]) -> list[Stored]:
        payload = json.dumps(query).encode()

        async def request() -> list[Stored]:
            inbox = self.nc.new_inbox()
            subscription = await self.nc.subscribe(inbox)
            try:
                await self.nc.publish(f"$JS.API.DIRECT.GET.{stream}", payload, reply=inbox)
                found: list[Stored] = []
                async with asyncio.timeout(self._timeout_s):
                    while True:
                        reply = await subscription.next_msg(timeout=self._timeout_s)
                        headers: dict[str, str] = reply.headers or {}
                        status = headers.get("Status")
                        if status in ("204", "404"):
                            return found
                        if status == "503":
                            raise nats.errors.NoRespondersError
                        if status is not None:
                            raise Internal(f"batch get from {stream} answered {status}")
                        found.append(Stored.from_reply(reply.data, headers))
            finally:
                await _unsubscribe(subscription)

        return await self._run(request)

    async def _run(self, request: Callable[[], Awaitable[T]]) -> T:
        give_up = time.monotonic() + self._patience_s
        pause = 0.05
        while True:
            try:
                return await self._attempt(request)
            except Unavailable:
                if time.monotonic() + pause > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def _attempt(self, request: Callable[[], Awaitable[T]]) -> T:
        # While it reconnects the client would buffer the request and send it later, when nobody waits for it.
        if not self.nc.is_connected:
            raise Unavailable("NATS is not connected", retry_after=_RETRY_AFTER_S)
        try:
            return await cancellable(request())
        except nats.js.errors.APIError as error:
            raise _translate(error) from error
        except (TimeoutError, OSError, nats.errors.Error) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"NATS does not answer: {reason}", retry_after=_RETRY_AFTER_S) from error


def _translate(error: nats.js.errors.APIError) -> Exception:
    if error.err_code in WRONG_SEQUENCE:
        return WrongRevision(error.description)
    if error.err_code in STREAM_FULL:
        return StreamFull(error.description)
    if error.err_code == STREAM_MISSING or error.code == 503:
        return Unavailable(f"JetStream is not ready: {error.description or error}", retry_after=_RETRY_AFTER_S)
    log.error("JetStream refused a request: %s", error)
    return Internal("JetStream refused a request; the log of this service tells more")


def _unset(name: str, value: object) -> bool:
    # Fields that the client sends with a neutral default and the server answers with its own.
    return name in ("max_msg_size", "duplicate_window", "max_msgs_per_subject") and value in (-1, 0)


async def _unsubscribe(subscription: Any) -> None:
    try:
        await subscription.unsubscribe()
    except nats.errors.Error:
        log.debug("the connection closed before its subscription did")
