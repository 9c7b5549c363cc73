"""The engine: requests in flight, one token step at a time, for all of them together.

It knows nothing of Triton. `submit`, `step` and `cancel` are called from one thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backends.autoregressive.conditioning import Conditioner
from backends.autoregressive.constraints import Constraint
from backends.autoregressive.decoder import Decoder, Prefill
from backends.autoregressive.drawing import Sampled
from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import Event, Failed, Finished, FloatArray, Ids, Partial, Timings
from backends.autoregressive.finish import Finisher, Media
from backends.autoregressive.generation import Generation
from backends.autoregressive.ladder import RowLadder
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.sampling import Ask, guide, pick
from backends.autoregressive.search import Search
from backends.autoregressive.slots import Row, Shelf, Slots
from backends.autoregressive.strategy import begin

log = logging.getLogger(__name__)

Outcome = FloatArray | Exception
"""Logits (K, V) of a row, or why it has none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the engine.

    Attributes:
        rows: rows in flight; a request has one for each beam, and as many again with guidance.
        waiting: beyond `rows` + `waiting` requests, more are refused; they wait for rows in the order of arrival.
    """

    rows: int = 16
    waiting: int = 64


@dataclass(slots=True)
class InFlight:
    """One request's state between two steps."""

    request: DecodingRequest
    arrived_ns: int
    search: Search
    media: Media | None
    rows: list[Row] = field(default_factory=list)
    against: list[Row] = field(default_factory=list)
    begun_ns: int = 0
    started_ns: int = 0
    decoded_ns: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of.

    Attributes:
        generation: what is decoded, and how.
        conditioner: from requests to memory.
        decoder: one step.
        ladders: row counts of a decoder call, by cache length.
        prefill: reads prefixes; None where the decoder does, token by token.
        constraint: what may come next.
        finisher: from frames to media.
    """

    generation: Generation
    conditioner: Conditioner
    decoder: Decoder
    ladders: Mapping[int, RowLadder]
    prefill: Prefill | None = None
    constraint: Constraint | None = None
    finisher: Finisher | None = None


class Engine:
    """Steps every request in flight.

    Args:
        parts: the model.
        limits: bounds.
        clock: nanoseconds of a monotonic clock.
    """

    def __init__(
        self, parts: Parts, *, limits: Limits = Limits(), clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._parts = parts
        self._limits = limits
        self._clock = clock
        spare = max(ladder.largest for ladder in parts.ladders.values())
        self._slots = Slots(parts.decoder.layout, parts.generation.cache.lengths, limits.rows, spare)
        self._waiting: dict[Hashable, InFlight] = {}
        self._running: dict[Hashable, InFlight] = {}
        self._finishing: dict[Hashable, InFlight] = {}
        self.steps_run = 0
        self.calls_run = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running) + len(self._finishing)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._waiting or key in self._running or key in self._finishing

    def submit(self, key: Hashable, request: DecodingRequest) -> None:
        """Take a request in.

        Raises:
            RequestFailed: RESOURCE_EXHAUSTED when everything is taken; INVALID_ARGUMENT for a prefix that the model's
                constraint does not let come.
        """
        if len(self) >= self._limits.waiting + self._limits.rows:
            raise RequestFailed("RESOURCE_EXHAUSTED", f"{len(self)} requests are in flight, the most that are taken in")
        parts = self._parts
        self._waiting[key] = InFlight(
            request,
            arrived_ns=self._clock(),
            search=begin(parts.generation, request, parts.constraint),
            media=Media(parts.finisher) if parts.finisher else None,
        )

    def cancel(self, key: Hashable) -> None:
        """Forget a request; its rows are free for the next step."""
        state = self._running.pop(key, None)
        if state is not None:
            self._release(state)
        self._waiting.pop(key, None)
        self._finishing.pop(key, None)

    def step(self) -> dict[Hashable, list[Event]]:
        """Decide one token of every running request, and say what each has to tell.

        A request whose last event is `Finished` or `Failed` is no longer in flight. What fails fails alone.
        """
        events: dict[Hashable, list[Event]] = {}
        for key in self._overdue():
            self._fail(key, RequestFailed("DEADLINE_EXCEEDED", "the deadline passed"), events)
        self._admit(events)
        outcomes = self._decode()
        drawn = self._draw(outcomes)
        for key, state in list(self._running.items()):
            try:
                self._advance(key, state, outcomes, drawn, events)
            except Exception as error:
                self._fail(key, error, events)
        self._finish_one_chunk(events)
        self.steps_run += 1
        return events

    def _overdue(self) -> list[Hashable]:
        now = self._clock()
        return [
            key
            for group in (self._waiting, self._running, self._finishing)
            for key, state in group.items()
            if state.request.timeout_us and now - state.arrived_ns > state.request.timeout_us * 1000
        ]

    def _admit(self, events: dict[Hashable, list[Event]]) -> None:
        """First come, first served: a request that needs many rows is not overtaken for ever."""
        for key, state in list(self._waiting.items()):
            guided = state.request.guidance_scale != 1.0
            if state.search.branches * (1 + guided) > self._slots.free:
                return
            del self._waiting[key]
            self._running[key] = state
            try:
                self._start(state, guided=guided)
            except Exception as error:
                self._fail(key, error, events)

    def _start(self, state: InFlight, *, guided: bool) -> None:
        state.begun_ns = self._clock()
        conditioner, request, search = self._parts.conditioner, state.request, state.search
        memories = [(state.rows, conditioner.conditional(request))]
        if guided:
            memories.append((state.against, conditioner.unconditional(request)))
        for rows, memory in memories:
            rows.extend(self._slots.add(memory) for _ in range(search.branches))
        if self._parts.prefill is not None and len(request.prefix):
            read = search.skip(len(request.prefix))
            for rows, memory in memories:
                tokens = read if rows is state.rows else self._against(state, read, first_step=-1)
                entries = self._parts.prefill(tokens, memory)
                for row in rows:
                    self._slots.fill(row, entries, len(tokens))
        self._feed(state)
        state.started_ns = self._clock()

    def _feed(self, state: InFlight) -> None:
        inputs = state.search.inputs()
        for row, tokens in zip(state.rows, inputs, strict=True):
            self._slots.feed(row, tokens)
        for row, tokens in zip(state.against, inputs, strict=False):
            self._slots.feed(row, self._against(state, tokens[None], first_step=state.search.step - 1)[0])

    def _against(self, state: InFlight, inputs: Ids, first_step: int) -> Ids:
        """Inputs (steps, K) as guidance's second row reads them; step `first_step` decided the first one."""
        guidance = self._parts.generation.guidance
        if guidance is None or guidance.null_token is None:
            return inputs
        steps = np.arange(first_step, first_step + len(inputs))[:, None]
        return np.where((steps >= 0) & (steps < guidance.condition_tokens), guidance.null_token, inputs)

    def _decode(self) -> dict[Row, Outcome]:
        """Logits of every row in flight."""
        found: dict[Row, Outcome] = {}
        for shelf in self._slots.shelves:
            ladder = self._parts.ladders[shelf.length]
            start = 0
            while start < len(shelf.rows):
                rows = shelf.rows[start : start + ladder.largest]
                try:
                    logits = self._call(shelf, start, ladder.fit(len(rows)), len(rows))
                except Exception as error:
                    log.warning("a decoder call failed, its rows run one by one: %s", error)
                    found.update(self._one_by_one(shelf, start, rows))
                else:
                    found.update(zip(rows, logits, strict=True))
                start += len(rows)
        return found

    def _one_by_one(self, shelf: Shelf, start: int, rows: Sequence[Row]) -> dict[Row, Outcome]:
        found: dict[Row, Outcome] = {}
        size = self._parts.ladders[shelf.length].fit(1)
        for index, row in enumerate(rows):
            try:
                found[row] = self._call(shelf, start + index, size, 1)[0]
            except Exception as error:
                found[row] = error
        return found

    def _call(self, shelf: Shelf, start: int, size: int, count: int) -> FloatArray:
        """Run `size` rows from `start` on, of which the first `count` are meant."""
        self.calls_run += 1
        logits, entries = self._parts.decoder({n: a[start : start + size] for n, a in shelf.arrays.items()})
        if entries:
            self._slots.write(shelf, start, {name: new[:count] for name, new in entries.items()})
        return logits[:count]

    def _draw(self, outcomes: Mapping[Row, Outcome]) -> dict[Hashable, tuple[int, float] | None]:
        """A token of every request that follows one sequence, all together; None where none can be drawn."""
        keys: list[Hashable] = []
        asks: list[Ask] = []
        rows: list[FloatArray] = []
        for key, state in self._running.items():
            if not isinstance(state.search, Sampled):
                continue
            logits = _logits_or_none(state, outcomes)
            # What has no logits fails on its own, later.
            ask = None if logits is None else state.search.ask()
            if logits is not None and ask is not None:
                keys.append(key)
                asks.append(ask)
                rows.append(logits[0])
        if not keys:
            return {}
        return dict(zip(keys, pick(np.concatenate(rows), asks), strict=True))

    def _advance(
        self,
        key: Hashable,
        state: InFlight,
        outcomes: Mapping[Row, Outcome],
        drawn: Mapping[Hashable, tuple[int, float] | None],
        events: dict[Hashable, list[Event]],
    ) -> None:
        if isinstance(state.search, Sampled) and key in drawn:
            parents = state.search.take(drawn[key])
        else:
            parents = state.search.accept(_logits(state, outcomes))
        if state.search.reason:
            state.decoded_ns = self._clock()
            self._release(state)
            del self._running[key]
            self._finishing[key] = state
            return
        for rows in (state.rows, state.against):
            for row in rows:
                self._slots.advance(row)
            if rows and len(parents) > 1:
                self._slots.reorder(rows, parents)
        self._feed(state)
        self._tell(key, state, events)

    def _tell(self, key: Hashable, state: InFlight, events: dict[Hashable, list[Event]]) -> None:
        every = state.request.preview_every
        if every and state.search.frames() - state.told >= every:
            events.setdefault(key, []).append(self._partial(state))

    def _partial(self, state: InFlight, media: FloatArray | None = None) -> Partial:
        start, state.told = state.told, state.search.frames()
        tokens = self._shaped(state.search.result(start, state.told))
        return Partial(tokens, state.told, state.request.max_tokens, media)

    def _finish_one_chunk(self, events: dict[Hashable, list[Event]]) -> None:
        """Decode one chunk of one request, whoever came first, so that the others' tokens do not wait for long."""
        for key, state in [*self._finishing.items(), *self._running.items()]:
            if state.media is not None and state.media.ready(state.search):
                try:
                    part = state.media.chunk(state.search)
                except Exception as error:
                    self._fail(key, error, events)
                else:
                    if state.request.preview_every:
                        events.setdefault(key, []).append(self._partial(state, part))
                break
        for key, state in list(self._finishing.items()):
            if state.media is None or not state.media.ready(state.search):
                del self._finishing[key]
                events.setdefault(key, []).append(self._finished(state))

    def _finished(self, state: InFlight) -> Finished:
        timings = Timings(
            queue_us=(state.begun_ns - state.arrived_ns) // 1000,
            encode_us=(state.started_ns - state.begun_ns) // 1000,
            decode_us=(state.decoded_ns - state.started_ns) // 1000,
            finish_us=(self._clock() - state.decoded_ns) // 1000,
        )
        return Finished(
            self._shaped(state.search.result(0, state.search.frames())),
            state.request.max_tokens,
            state.search.reason,
            state.search.log_probability,
            timings,
            state.media.whole() if state.media else None,
        )

    def _shaped(self, frames: Ids) -> Ids:
        return frames if len(self._parts.generation.delays) > 1 else frames[:, 0]

    def _release(self, state: InFlight) -> None:
        for row in (*state.rows, *state.against):
            self._slots.remove(row)
        state.rows, state.against = [], []

    def _fail(self, key: Hashable, error: Exception, events: dict[Hashable, list[Event]]) -> None:
        self.cancel(key)
        if isinstance(error, RequestFailed):
            events.setdefault(key, []).append(Failed(error.code, error.message))
            return
        log.error("a request failed", exc_info=error)
        failed = Failed("INTERNAL", "the model failed on this request; the server's log tells more")
        events.setdefault(key, []).append(failed)


def _logits(state: InFlight, outcomes: Mapping[Row, Outcome]) -> FloatArray:
    """Logits (branches, K, V) of a request, guided where it has rows for that. Raises the first error of a row."""
    found = _stack(state.rows, outcomes)
    if state.against:
        found = guide(found, _stack(state.against, outcomes), state.request.guidance_scale)
    return found


def _logits_or_none(state: InFlight, outcomes: Mapping[Row, Outcome]) -> FloatArray | None:
    """As :func:`_logits`; None where a row has an error."""
    try:
        return _logits(state, outcomes)
    except Exception:
        return None


def _stack(rows: Sequence[Row], outcomes: Mapping[Row, Outcome]) -> FloatArray:
    """Logits (rows, K, V). Raises the first error of a row."""
    found: list[FloatArray] = []
    for row in rows:
        outcome = outcomes[row]
        if isinstance(outcome, Exception):
            raise outcome
        found.append(outcome)
    return found[0][None] if len(found) == 1 else np.stack(found)
