"""The thread that steps the engine, and the one that talks to the server meanwhile.

A token step may take a millisecond, so nothing that waits for another process is done between two steps: the postman
thread sends what there is to tell, and asks whether clients are still there. Where sending is slower than stepping,
partial answers that wait for the postman become one, so at most one of them waits for each request.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable
from typing import Protocol

import numpy as np

from backends.autoregressive.engine import Engine
from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import Event, Failed, Finished, Partial
from backends.autoregressive.request import DecodingRequest

log = logging.getLogger(__name__)

ROUND_S = 0.01
"""How often the postman looks whether clients are still there, in seconds; the look costs about 0.1 ms a request."""

LOOKS = 2
"""Requests that the postman looks after in one round, in turns, so that many in flight cost their steps no more."""

IDLE_S = 1.0
"""How often the stepping thread looks around while there is nothing to do, in seconds."""

UNLOADED = Failed("UNAVAILABLE", "the model is being unloaded")


class Mailbox(Protocol):
    """Where a request's news go."""

    def send(self, event: Event) -> None:
        """Tell the client; after `Finished` or `Failed` nothing is told any more."""
        ...

    def cancelled(self) -> bool:
        """Whether the client has left."""
        ...


class Loop:
    """Runs an engine; `submit` and `stop` may be called from any thread.

    Args:
        engine: the requests in flight; nobody else touches it from here on.
        most: requests in flight, those just handed over included; more are refused at once.
        watch: called by the stepping thread before every step, and every second while there is none.
    """

    def __init__(self, engine: Engine, most: int, watch: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._most = most
        self._watch = watch
        self._keys = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        # All of these belong to `_changed`.
        self._mailboxes: dict[Hashable, Mailbox] = {}
        self._arrivals: dict[Hashable, DecodingRequest] = {}
        self._left: set[Hashable] = set()
        self._outgoing: dict[Hashable, list[Event]] = {}
        self._threads = [
            threading.Thread(target=self._run, name="steps", daemon=True),
            threading.Thread(target=self._deliver, name="post", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: DecodingRequest, mailbox: Mailbox) -> None:
        """Take a request in, or tell its mailbox why not."""
        if len(self._mailboxes) >= self._most:
            self._look_who_left()
        refusal = None
        with self._changed:
            if self._stopping:
                refusal = UNLOADED
            elif len(self._mailboxes.keys() - self._left) >= self._most:
                text = f"{self._most} requests are in flight, the most that are taken in"
                refusal = Failed("RESOURCE_EXHAUSTED", text)
            else:
                key = next(self._keys)
                self._mailboxes[key] = mailbox
                self._arrivals[key] = request
                self._changed.notify_all()
        if refusal is not None:
            mailbox.send(refusal)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End both threads, each within `timeout_s`; what is in flight fails."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)
        for key, events in self._outgoing.items():
            self._send(key, events)
        for mailbox in self._mailboxes.values():
            mailbox.send(UNLOADED)
        self._mailboxes.clear()

    def _run(self) -> None:
        while True:
            self._watch()
            with self._changed:
                if not (self._stopping or self._arrivals or len(self._engine)):
                    self._changed.wait(IDLE_S)
                if self._stopping:
                    return
                if not (self._arrivals or len(self._engine)):
                    continue
                arrivals, self._arrivals = self._arrivals, {}
                left, self._left = self._left, set()
            try:
                told = self._round(arrivals, left)
            except Exception:
                log.exception("the engine failed; every request in flight fails with it")
                told = self._give_up()
            if told:
                with self._changed:
                    for key, events in told.items():
                        waiting = self._outgoing.setdefault(key, [])
                        for event in events:
                            _add(waiting, event)
                    self._changed.notify_all()

    def _round(self, arrivals: dict[Hashable, DecodingRequest], left: set[Hashable]) -> dict[Hashable, list[Event]]:
        told: dict[Hashable, list[Event]] = {}
        for key in left:
            if key in self._engine:
                self._engine.cancel(key)
                told[key] = [Failed("CANCELLED", "cancelled by the client")]
        for key, request in arrivals.items():
            try:
                self._engine.submit(key, request)
            except RequestFailed as error:
                told[key] = [Failed(error.code, error.message)]
        for key, events in self._engine.step().items():
            told.setdefault(key, []).extend(events)
        return told

    def _give_up(self) -> dict[Hashable, list[Event]]:
        with self._changed:
            keys = [key for key in self._mailboxes if key not in self._arrivals]
        for key in keys:
            self._engine.cancel(key)
        return {key: [Failed("INTERNAL", "the model failed; the server's log tells more")] for key in keys}

    def _deliver(self) -> None:
        looked = time.monotonic()
        while not self._stopping:
            with self._changed:
                if not (self._outgoing or self._stopping):
                    self._changed.wait(ROUND_S if self._mailboxes else None)
                outgoing, self._outgoing = self._outgoing, {}
            for key, events in outgoing.items():
                self._send(key, events)
            if time.monotonic() - looked >= ROUND_S:
                self._look_who_left(LOOKS)
                looked = time.monotonic()

    def _send(self, key: Hashable, events: list[Event]) -> None:
        for event in events:
            with self._changed:
                over = isinstance(event, Finished | Failed)
                mailbox = self._mailboxes.pop(key, None) if over else self._mailboxes.get(key)
            if mailbox is None:
                return
            try:
                mailbox.send(event)
            except Exception:
                # The server has no way to the client any more; the next look tells the engine.
                log.exception("an answer could not be sent")

    def _look_who_left(self, most: int | None = None) -> None:
        """Ask for every request, or for so many, those first that were not asked for the longest time."""
        with self._changed:
            mailboxes = list(self._mailboxes.items())[:most]
            for key, mailbox in mailboxes:
                # To the end of the line.
                del self._mailboxes[key]
                self._mailboxes[key] = mailbox
        left = {key for key, mailbox in mailboxes if mailbox.cancelled()}
        if left:
            with self._changed:
                self._left |= left
                self._changed.notify_all()


def _add(waiting: list[Event], event: Event) -> None:
    """Append; two partial answers in a row become one."""
    last = waiting[-1] if waiting else None
    if not (isinstance(last, Partial) and isinstance(event, Partial)):
        waiting.append(event)
        return
    media = [part for part in (last.media, event.media) if part is not None]
    waiting[-1] = Partial(
        np.concatenate([last.tokens, event.tokens]),
        event.count,
        event.total,
        np.concatenate(media, axis=-1) if media else None,
    )
