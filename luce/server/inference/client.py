"""The client of Triton: raw tensors over a few gRPC channels, a deadline on every call, one kind of error."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from luce.errors import Cancelled, LuceError, Unavailable
from luce.server import telemetry
from luce.server.deadline import Deadline
from luce.server.inference.faults import from_message, from_status
from luce.server.inference.tensors import Array, add_inputs, read_outputs
from luce.server.metrics import Metrics
from luce.server.settings import TritonSettings

READY_DEADLINE_S: Final = 2.0
"""How long a look at a model's readiness may take, seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class InferResult:
    """One answer of a model.

    Attributes:
        outputs: arrays by name; numeric ones are read-only views of the message, BYTES are object arrays of `bytes`.
        version: version of the model that answered.
        final: whether a stream's last answer; always true for `infer`.
    """

    outputs: Mapping[str, Array]
    version: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What Triton tells about a model.

    Attributes:
        versions: loaded versions.
        inputs: datatype and shape by name; -1 is any size.
        outputs: likewise.
    """

    versions: tuple[str, ...]
    inputs: Mapping[str, tuple[str, tuple[int, ...]]]
    outputs: Mapping[str, tuple[str, tuple[int, ...]]]


class InferenceClient:
    """Calls models. Make it inside a running event loop, close it there.

    Args:
        settings: address, channels, default deadline, message size.
        metrics: where calls are counted; None: nowhere.
    """

    def __init__(self, settings: TritonSettings, metrics: Metrics | None = None) -> None:
        self._settings = settings
        self._metrics = metrics
        self._channels = [_channel(settings, index) for index in range(settings.channels)]
        self._stubs = itertools.cycle(
            [service_pb2_grpc.GRPCInferenceServiceStub(channel) for channel in self._channels]
        )
        # A sequence's id must be new to the server, whichever process asks: a random start, then one by one.
        self._sequence_ids = itertools.count(1 + secrets.randbits(61))

    async def close(self) -> None:
        """Close all channels; calls in flight end as cancelled."""
        for channel in self._channels:
            await channel.close()

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        deadline: float | None = None,
        outputs: Sequence[str] = (),
    ) -> InferResult:
        """One request, one answer. Cancelling the task cancels the request on the server.

        Args:
            model: its name.
            inputs: arrays by name, the batch dimension first; object arrays of `bytes` or `str` are BYTES.
            deadline: most seconds it may take; the deadline of the request being served holds as well.
            outputs: names wanted; none means all.

        Raises:
            InvalidArgument: the model refuses an input.
            ResourceExhausted: the model's queue is full.
            Unavailable: the server is away or the model is not loaded.
            DeadlineExceeded: it took too long.
            Internal: the model failed.
        """
        until = self._deadline(deadline)
        request = self._request(model, inputs, outputs, until)
        with self._watch(model), telemetry.client_span(f"triton {model}"):
            response = await self._call("ModelInfer", model, request, until)
        return InferResult(read_outputs(response), response.model_version)

    async def stream(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        deadline: float | None = None,
        outputs: Sequence[str] = (),
    ) -> AsyncGenerator[InferResult, None]:
        """One request, many answers. Leaving early (`aclose`, or cancelling the task) cancels it on the server.

        Each request has a stream and a sequence of its own, so that ending one touches no other. Arguments and errors
        are those of `infer`.
        """
        until = self._deadline(deadline)
        request = self._request(model, inputs, outputs, until)
        request.parameters["sequence_id"].int64_param = next(self._sequence_ids)
        request.parameters["sequence_start"].bool_param = True
        with self._watch(model), telemetry.client_span(f"triton {model}"):
            # Not with `triton_grpc_error`: Triton 24.10 then breaks down now and then when a request fails.
            call = next(self._stubs).ModelStreamInfer(_once(request), timeout=until.remaining(), metadata=_metadata())
            try:
                async for message in call:
                    if message.error_message:
                        raise from_message(model, message.error_message)
                    response = message.infer_response
                    final = response.parameters["triton_final_response"].bool_param
                    if response.outputs:
                        yield InferResult(read_outputs(response), response.model_version, final)
            except grpc.aio.AioRpcError as error:
                raise from_status(model, error.code(), error.details() or "") from error
            finally:
                # Nothing where the call is over; else this is how the running model learns that nobody listens.
                call.cancel()

    async def ready(self, models: Iterable[str], *, deadline: float = READY_DEADLINE_S) -> None:
        """Returns where every named model is loaded and warm. Raises `Unavailable`, naming those that are not."""
        names = list(models)
        until = Deadline.current_or_after(deadline)
        answers = await asyncio.gather(*(self._is_ready(name, until) for name in names))
        missing = [name for name, is_ready in zip(names, answers, strict=True) if not is_ready]
        if missing:
            raise Unavailable(f"not ready: {', '.join(missing)}")

    async def model_info(self, model: str, *, deadline: float = READY_DEADLINE_S) -> ModelInfo:
        """Versions and tensors of a model. Raises as `infer`."""
        request = service_pb2.ModelMetadataRequest(name=model)
        found = await self._call("ModelMetadata", model, request, Deadline.current_or_after(deadline))
        return ModelInfo(
            tuple(found.versions),
            {tensor.name: (tensor.datatype, tuple(tensor.shape)) for tensor in found.inputs},
            {tensor.name: (tensor.datatype, tuple(tensor.shape)) for tensor in found.outputs},
        )

    async def _is_ready(self, model: str, until: Deadline) -> bool:
        request = service_pb2.ModelReadyRequest(name=model)
        answer = await self._call("ModelReady", model, request, until)
        return bool(answer.ready)

    async def _call(self, method: str, model: str, request: Any, until: Deadline) -> Any:
        until.check(f"the call to model {model}")
        try:
            return await getattr(next(self._stubs), method)(request, timeout=until.remaining(), metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise from_status(model, error.code(), error.details() or "") from error

    def _deadline(self, seconds: float | None) -> Deadline:
        return Deadline.current_or_after(self._settings.deadline_s if seconds is None else seconds)

    def _request(self, model: str, inputs: Mapping[str, Array], outputs: Sequence[str], until: Deadline) -> Any:
        until.check(f"the call to model {model}")
        request = service_pb2.ModelInferRequest(model_name=model)
        add_inputs(request, inputs)
        for name in outputs:
            request.outputs.add(name=name)
        # For backends that look at it at every step; gRPC's own deadline only cancels.
        request.parameters["timeout"].int64_param = max(1, int(until.remaining() * 1e6))
        return request

    def _watch(self, model: str) -> _Watch:
        return _Watch(self._metrics, model)


class _Watch:
    """Counts one call and its time."""

    def __init__(self, metrics: Metrics | None, model: str) -> None:
        self._metrics = metrics
        self._model = model

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._metrics is None:
            return
        code = "ok" if error is None else error.code if isinstance(error, LuceError) else Cancelled.code
        self._metrics.inference_requests.labels(self._model, code).inc()
        self._metrics.inference_duration.labels(self._model).observe(time.monotonic() - self._start)


def _channel(settings: TritonSettings, index: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(
        settings.url,
        options=[
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            # A restarted server is found again soon.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.enable_retries", 0),
            # Channels with equal arguments would share one connection.
            ("luce.channel", index),
        ],
    )


def _metadata() -> tuple[tuple[str, str], ...]:
    return tuple(telemetry.inject({}).items())


async def _once(request: Any) -> AsyncGenerator[Any, None]:
    yield request
