"""Between the server's batches and the engine: who is there, when to step, and what waits to be told to whom."""

from __future__ import annotations

import logging
from collections.abc import Hashable

from backends.diffusion.engine import Engine
from backends.diffusion.errors import RequestFailed
from backends.diffusion.events import Event, Failed, Finished
from backends.diffusion.pipeline import Pipeline
from backends.diffusion.rendezvous import Rendezvous
from backends.diffusion.request import GenerationRequest, Tensors, parse_request

log = logging.getLogger(__name__)


class Batcher:
    """One batch of the server is one round: `start`, `come_back` or `cancel` for each request, `round`, `collect`.

    Args:
        engine: the requests in flight.
        pipeline: ranges for new requests.
    """

    def __init__(self, engine: Engine, pipeline: Pipeline) -> None:
        self._engine = engine
        self._pipeline = pipeline
        self._rendezvous = Rendezvous()
        self._newcomers: dict[Hashable, GenerationRequest] = {}
        self._outbox: dict[Hashable, list[Event]] = {}

    def start(self, key: Hashable, tensors: Tensors, timeout_us: int) -> None:
        """A new request; one that is refused has its error to collect."""
        self._forget(key)
        try:
            self._newcomers[key] = parse_request(tensors, self._pipeline, timeout_us)
        except RequestFailed as error:
            self._outbox[key] = [Failed(error.code, error.message)]
        except Exception:
            log.exception("a request could not be read")
            self._outbox[key] = [Failed("INTERNAL", "the request could not be read; the server's log tells more")]
        else:
            self._rendezvous.witness(key)

    def come_back(self, key: Hashable) -> None:
        """A request that was rescheduled."""
        if key in self._engine:
            self._rendezvous.arrive(key)
        elif key in self._newcomers:
            self._rendezvous.witness(key)
        elif key not in self._outbox:
            self._outbox[key] = [Failed("INTERNAL", "the request is not known here")]

    def cancel(self, key: Hashable) -> None:
        """The client does not want it any more: its place is free in this very round."""
        self._forget(key)
        self._outbox[key] = [Failed("CANCELLED", "cancelled by the client")]

    def round(self) -> bool:
        """Let newcomers in, and run a step if every request in flight is there; say whether one ran."""
        for key in self._rendezvous.lost():
            log.info("request %s did not come back, its client is gone", key)
            self._forget(key)
        self._let_in()
        if not len(self._rendezvous) or not self._rendezvous.complete():
            return False
        for key, events in self._engine.step().items():
            self._outbox.setdefault(key, []).extend(events)
            if isinstance(events[-1], Finished | Failed):
                self._rendezvous.leave(key)
        self._rendezvous.dismiss()
        return True

    def collect(self, key: Hashable) -> list[Event]:
        """What there is to tell this request; after `Finished` or `Failed` it is over."""
        return self._outbox.pop(key, [])

    def _let_in(self) -> None:
        """Newcomers get a place or a refusal; while a place may be held by one who is lost, they come back."""
        certain = self._rendezvous.complete()
        for key, request in list(self._newcomers.items()):
            try:
                self._engine.submit(key, request)
            except RequestFailed as error:
                if not certain:
                    continue
                self._outbox[key] = [Failed(error.code, error.message)]
                self._rendezvous.leave(key)
            else:
                self._rendezvous.leave(key)
                self._rendezvous.arrive(key)
            del self._newcomers[key]

    def _forget(self, key: Hashable) -> None:
        self._engine.cancel(key)
        self._rendezvous.leave(key)
        self._newcomers.pop(key, None)
        self._outbox.pop(key, None)
