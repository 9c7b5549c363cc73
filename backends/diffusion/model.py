"""The door to Triton: an iterative, decoupled sequence model.

Triton hands over batches of requests; one that is not finished is released with the wish to be scheduled again, and so
meets newcomers at every step. Nothing is raised from `execute`: each error is a response to its own request.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb

from backends.diffusion.batcher import Batcher
from backends.diffusion.events import Event, Failed, Finished, Progress
from backends.diffusion.loading import Options, load_engine

log = logging.getLogger(__name__)

PROGRESS, PREVIEW, FINAL = b"progress", b"preview", b"final"
"""Values of the output `kind`."""

CONTROLS = ("START", "READY", "CORRID")

ERROR_CODES = {
    "INVALID_ARGUMENT": "INVALID_ARG",
    "RESOURCE_EXHAUSTED": "UNAVAILABLE",
    "DEADLINE_EXCEEDED": "CANCELLED",
    "CANCELLED": "CANCELLED",
    "INTERNAL": "INTERNAL",
}
"""Names in `pb.TritonError`, which is there only once the stub has started. Triton has fewer codes than gRPC, so the
message starts with the name of the true one."""


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load and warm the model. An exception here makes it unavailable, with its message in the log."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        options = Options.parse(args["model_config"])
        engine, pipeline, ladder = load_engine(
            Path(args["model_repository"]) / args["model_version"],
            options,
            kind=args["model_instance_kind"],
            device_id=int(args["model_instance_device_id"]),
        )
        self._batcher = Batcher(engine, pipeline)
        log.info("%s: rows a call %s, scheduling %s", args["model_name"], ladder.sizes, options.scheduling)

    def execute(self, requests: list[Any]) -> None:
        """One round: take in, step, answer; requests that go on are rescheduled."""
        keys = [_scalar(request, "CORRID") for request in requests]
        for key, request in zip(keys, requests, strict=True):
            if request.get_response_sender().is_cancelled():
                self._batcher.cancel(key)
            elif _scalar(request, "START"):
                tensors = {t.name(): t.as_numpy() for t in request.inputs() if t.name() not in CONTROLS}
                self._batcher.start(key, tensors, request.timeout())
            else:
                self._batcher.come_back(key)
        self._batcher.round()
        for key, request in zip(keys, requests, strict=True):
            _answer(request, self._batcher.collect(key))


def _answer(request: Any, events: list[Event]) -> None:
    sender = request.get_response_sender()
    for event in events:
        if isinstance(event, Progress):
            sender.send(_response(event))
        else:
            sender.send(_response(event), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return
    request.set_release_flags(pb.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)


def _response(event: Event) -> Any:
    if isinstance(event, Failed):
        code = getattr(pb.TritonError, ERROR_CODES[event.code])
        return pb.InferenceResponse(error=pb.TritonError(f"{event.code}: {event.message}", code))
    if isinstance(event, Finished):
        timings = event.timings
        tensors = [_tensor(name, getattr(timings, name), np.int64) for name in timings.__slots__]
        if event.embedding is not None:
            tensors.append(pb.Tensor("embedding", event.embedding[None]))
        step, kind, image = event.steps, FINAL, event.image
    else:
        tensors, step, image = [], event.step, event.image
        kind = PROGRESS if image is None else PREVIEW
    if image is not None:
        tensors.append(pb.Tensor("image", image[None]))
    return pb.InferenceResponse(
        [
            *tensors,
            _tensor("step", step, np.int32),
            _tensor("steps", event.steps, np.int32),
            _tensor("kind", kind, np.object_),
        ]
    )


def _tensor(name: str, value: int | bytes, dtype: Any) -> Any:
    return pb.Tensor(name, np.array([[value]], dtype=dtype))


def _scalar(request: Any, name: str) -> int:
    value: int = pb.get_input_tensor_by_name(request, name).as_numpy().item()
    return value
