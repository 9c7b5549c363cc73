"""The engine: requests in flight, one denoiser step at a time, for all of them together.

It knows nothing of Triton. `submit`, `step` and `cancel` are called from one thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from backends.diffusion.batch import Denoise, Job, Row, RowLadder, denoise, plan
from backends.diffusion.conditioning import Conditioner, Conditions
from backends.diffusion.decode import Decoder
from backends.diffusion.errors import RequestFailed
from backends.diffusion.events import Event, Failed, Finished, Progress, Timings
from backends.diffusion.noise import FloatArray, initial_noise
from backends.diffusion.pipeline import Pipeline
from backends.diffusion.request import GenerationRequest
from backends.diffusion.schedulers import StepResult, Trajectory, trajectory

log = logging.getLogger(__name__)

Scheduling = Literal["iteration", "no_join", "run_to_completion"]
"""Who steps. "iteration": a newcomer joins at the next step, and who is done leaves. The others are there to be
compared with. "no_join": nobody joins until the batch in flight is done. "run_to_completion": nor does anybody leave
before; this is what a model does that runs its whole loop over a batch."""

AGEING = 0.5
"""Steps of advantage that a request gets for each step of others that it had to wait for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the engine.

    Attributes:
        running: requests that step together.
        waiting: further requests in flight, which wait for their turn; more are refused.
    """

    running: int = 4
    waiting: int = 28


@dataclass(slots=True)
class InFlight:
    """One request's state between two steps."""

    request: GenerationRequest
    arrived_ns: int
    index: int = 0
    passed_over: int = 0
    path: Trajectory | None = None
    sample: FloatArray = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    rows: tuple[Conditions, ...] = ()
    started_ns: int = 0
    condition_ns: int = 0


class Engine:
    """Steps every request in flight.

    Args:
        pipeline: what is sampled, and how.
        denoisers: a denoiser for each adapter; "" is the one without.
        ladder: row counts of a denoiser call.
        conditioner: from requests to denoiser inputs.
        decoder: from latents to pixels.
        limits: bounds.
        scheduling: who steps.
        clock: nanoseconds of a monotonic clock.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        denoisers: Mapping[str, Denoise],
        ladder: RowLadder,
        conditioner: Conditioner,
        decoder: Decoder,
        *,
        limits: Limits = Limits(),
        scheduling: Scheduling = "iteration",
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._pipeline = pipeline
        self._denoisers = denoisers
        self._ladder = ladder
        self._conditioner = conditioner
        self._decoder = decoder
        self._limits = limits
        self._scheduling = scheduling
        self._clock = clock
        self._requests: dict[Hashable, InFlight] = {}
        self._cohort: list[Hashable] = []
        self._held: dict[Hashable, list[Event]] = {}
        self.steps_run = 0
        self.rows_run = 0

    def __len__(self) -> int:
        return len(self._requests) + len(self._held)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._requests or key in self._held

    def submit(self, key: Hashable, request: GenerationRequest) -> None:
        """Take a request in. Raises `RequestFailed` (RESOURCE_EXHAUSTED) when everything is taken."""
        limit = self._limits.running + self._limits.waiting
        if len(self) >= limit:
            raise RequestFailed("RESOURCE_EXHAUSTED", f"{limit} requests are in flight, the most that are taken in")
        self._requests[key] = InFlight(request, arrived_ns=self._clock())

    def cancel(self, key: Hashable) -> None:
        """Forget a request; its place is free in the next step."""
        self._requests.pop(key, None)
        self._held.pop(key, None)

    def step(self) -> dict[Hashable, list[Event]]:
        """Advance the requests whose turn it is by one step, and say what each has to tell.

        A request whose last event is `Finished` or `Failed` is no longer in flight. What fails fails alone.
        """
        events: dict[Hashable, list[Event]] = {}
        for key in self._overdue():
            self._fail(key, RequestFailed("DEADLINE_EXCEEDED", "the deadline passed"), events)
        members = []
        for key in self._turn():
            try:
                self._start(self._requests[key])
                members.append(key)
            except Exception as error:
                self._fail(key, error, events)
        for key, outcome in self._predict(members).items():
            if isinstance(outcome, Exception):
                self._fail(key, outcome, events)
            else:
                self._advance(key, outcome, events)
        self.steps_run += bool(members)
        return self._hold(events) if self._scheduling == "run_to_completion" else events

    def _hold(self, events: dict[Hashable, list[Event]]) -> dict[Hashable, list[Event]]:
        """Keep results back until the last member of the batch is done."""
        for key in [key for key, told in events.items() if isinstance(told[-1], Finished)]:
            self._held[key] = events.pop(key)
        if any(key in self._requests for key in self._cohort):
            return events
        held, self._held = self._held, {}
        return {**events, **held}

    def _overdue(self) -> list[Hashable]:
        now = self._clock()
        return [
            key
            for key, state in self._requests.items()
            if state.request.timeout_us and now - state.arrived_ns > state.request.timeout_us * 1000
        ]

    def _turn(self) -> list[Hashable]:
        if self._scheduling == "iteration":
            return self._nearest_to_their_end()
        self._cohort = [key for key in self._cohort if key in self._requests]
        if not self._cohort:
            self._cohort = list(self._requests)[: self._limits.running]
        return self._cohort

    def _nearest_to_their_end(self) -> list[Hashable]:
        """Shortest remaining first, best for the mean latency; who is passed over moves up, so that none starves."""
        order = sorted(self._requests.items(), key=lambda item: _urgency(item[1]))
        for _, state in order[self._limits.running :]:
            state.passed_over += 1
        return [key for key, _ in order[: self._limits.running]]

    def _start(self, state: InFlight) -> None:
        if state.path is not None:
            return
        request = state.request
        begin = self._clock()
        rows = []
        if request.guidance_scale != 1.0:
            rows.append(self._conditioner.unconditional(request))
        if request.guidance_scale != 0.0:
            rows.append(self._conditioner.conditional(request))
        state.rows = tuple(rows)
        state.path = trajectory(request.scheduler, request.steps, self._pipeline, request.seed)
        noise = initial_noise(request.seed, self._pipeline.latents(request.width, request.height))
        state.sample = noise * np.float32(state.path.initial_scale)
        state.started_ns = self._clock()
        state.condition_ns = state.started_ns - begin

    def _job(self, state: InFlight) -> Job:
        path = _path(state)
        inputs: Row = {
            "sample": path.scale_input(state.index, state.sample),
            "timestep": path.timesteps[state.index],
        }
        group = (state.sample.shape, state.request.adapter)
        return Job(group, tuple({**row, **inputs} for row in state.rows))

    def _predict(self, keys: list[Hashable]) -> dict[Hashable, FloatArray | Exception]:
        jobs = [self._job(self._requests[key]) for key in keys]
        found: dict[Hashable, FloatArray | Exception] = {}
        for call in plan(jobs, self._ladder.largest):
            members = [keys[index] for index in call]
            try:
                predictions = self._denoise(members, [jobs[index] for index in call])
            except Exception as error:
                log.warning("a denoiser call failed, its requests run one by one: %s", error)
                found.update(self._one_by_one(members, [jobs[index] for index in call]))
            else:
                found.update(zip(members, predictions, strict=True))
        return found

    def _one_by_one(self, keys: list[Hashable], jobs: list[Job]) -> dict[Hashable, FloatArray | Exception]:
        found: dict[Hashable, FloatArray | Exception] = {}
        for key, job in zip(keys, jobs, strict=True):
            try:
                found[key] = self._denoise([key], [job])[0]
            except Exception as error:
                found[key] = error
        return found

    def _denoise(self, keys: list[Hashable], jobs: list[Job]) -> list[FloatArray]:
        self.rows_run += sum(len(job.rows) for job in jobs)
        run = self._denoisers[self._requests[keys[0]].request.adapter]
        return [
            _guide(prediction, self._requests[key].request.guidance_scale)
            for key, prediction in zip(keys, denoise(jobs, run, self._ladder), strict=True)
        ]

    def _advance(self, key: Hashable, prediction: FloatArray, events: dict[Hashable, list[Event]]) -> None:
        state = self._requests[key]
        request = state.request
        result = _path(state).step(state.index, state.sample, prediction)
        state.sample = result.sample
        state.index += 1
        if state.index < request.steps:
            events[key] = [Progress(state.index, request.steps, self._preview(state, result))]
            return
        try:
            events[key] = [self._finish(state)]
        except Exception as error:
            self._fail(key, error, events)
        else:
            del self._requests[key]

    def _preview(self, state: InFlight, result: StepResult) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
        every = state.request.preview_every
        return self._decoder.preview(result.clean) if every and state.index % every == 0 else None

    def _finish(self, state: InFlight) -> Finished:
        denoised = self._clock()
        image = embedding = None
        if self._pipeline.latent_shape is None:
            image = self._decoder.image(state.sample)
        else:
            embedding = self._decoder.embedding(state.sample)
        return Finished(
            state.request.steps,
            Timings(
                queue_us=(state.started_ns - state.arrived_ns - state.condition_ns) // 1000,
                condition_us=state.condition_ns // 1000,
                denoise_us=(denoised - state.started_ns) // 1000,
                decode_us=(self._clock() - denoised) // 1000,
            ),
            image,
            embedding,
        )

    def _fail(self, key: Hashable, error: Exception, events: dict[Hashable, list[Event]]) -> None:
        del self._requests[key]
        if isinstance(error, RequestFailed):
            events[key] = [Failed(error.code, error.message)]
            return
        log.error("a request failed", exc_info=error)
        events[key] = [Failed("INTERNAL", "the model failed on this request; the server's log tells more")]


def _urgency(state: InFlight) -> float:
    """Steps to go, less `AGEING` for each step that went by without this request; the smallest goes first."""
    return state.request.steps - state.index - AGEING * state.passed_over


def _path(state: InFlight) -> Trajectory:
    if state.path is None:
        raise AssertionError("a request steps before it was started")
    return state.path


def _guide(predictions: FloatArray, scale: float) -> FloatArray:
    """Classifier-free guidance (Ho and Salimans, 2022) over [unconditional, conditional], or the only row as it is."""
    if len(predictions) == 1:
        only: FloatArray = predictions[0]
        return only
    unconditional, conditional = predictions
    guided: FloatArray = unconditional + np.float32(scale) * (conditional - unconditional)
    return guided
