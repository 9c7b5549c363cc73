"""Calls to other services over NATS."""

from __future__ import annotations

from typing import Final, TypeVar

import nats.errors
from google.protobuf.message import DecodeError, Message

from luce.errors import DeadlineExceeded, Internal, LuceError, PayloadTooLarge, Unavailable
from luce.server.bus.cancellation import cancellable
from luce.server.bus.connection import BusClient
from luce.server.deadline import NATS_HEADER, Deadline
from luce.server.errors import from_problem, row_for
from luce.server.host.methods import rpc_subject
from luce.server.host.micro import ERROR_HEADER
from luce.server.metrics import Metrics
from luce.server.telemetry import client_span, inject, mark_failed
from luce.v1 import problem_pb2

Response = TypeVar("Response", bound=Message)

DEFAULT_DEADLINE_S: Final = 30.0
# The servicer's own deadline error says more than our timeout.
_MARGIN_S: Final = 0.25
_RETRY_AFTER_S: Final = 1.0


class NatsRpc:
    """Unary calls to any instance of a service (a queue group balances them).

    Args:
        nc: a connected client.
        metrics: where to count; not counted where left out.
    """

    def __init__(self, nc: BusClient, metrics: Metrics | None = None) -> None:
        self._nc = nc
        self._metrics = metrics

    async def call(
        self,
        service: str,
        method: str,
        request: Message,
        response_class: type[Response],
        deadline: Deadline | float | None = None,
    ) -> Response:
        """Call `service` ("luce.v1.AgentsService" or "AgentsService"), carrying deadline and trace.

        `deadline` is a `Deadline` or seconds; left out, it is that of the current request, or 30 s.
        Raises the error that the servicer raised; `Unavailable` where no instance runs, `DeadlineExceeded`.
        """
        if not isinstance(deadline, Deadline):
            deadline = Deadline.current_or_after(DEFAULT_DEADLINE_S if deadline is None else deadline)
        subject = rpc_subject(service, method)
        code = "OK"
        with client_span(subject) as span:
            try:
                deadline.check(subject)
                data = await self._request(subject, request.SerializeToString(), deadline)
                return _parse(response_class, data)
            except LuceError as error:
                code = row_for(error).grpc_code.name
                mark_failed(span, error.code)
                raise
            finally:
                if self._metrics is not None:
                    self._metrics.rpc_client_requests.labels(service, method, code).inc()

    async def _request(self, subject: str, payload: bytes, deadline: Deadline) -> bytes:
        if not self._nc.is_connected:
            raise Unavailable("NATS is not connected", retry_after=_RETRY_AFTER_S)
        headers = inject({NATS_HEADER: deadline.to_ms()})
        try:
            reply = await cancellable(
                self._nc.request(subject, payload, timeout=deadline.remaining() + _MARGIN_S, headers=headers)
            )
        except nats.errors.NoRespondersError as error:
            raise Unavailable(f"no instance serves {subject}", retry_after=_RETRY_AFTER_S) from error
        except nats.errors.MaxPayloadError as error:
            raise PayloadTooLarge(f"the request to {subject} is larger than a message may be") from error
        except TimeoutError as error:
            raise DeadlineExceeded(f"{subject} did not answer in time") from error
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"NATS does not answer: {error}", retry_after=_RETRY_AFTER_S) from error
        if ERROR_HEADER in (reply.headers or {}):
            raise from_problem(problem_pb2.Problem.FromString(reply.data))
        return bytes(reply.data)


def _parse(response_class: type[Response], data: bytes) -> Response:
    try:
        return response_class.FromString(data)
    except DecodeError as error:
        raise Internal(f"the answer is no {response_class.DESCRIPTOR.full_name}") from error
