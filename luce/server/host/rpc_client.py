"""Calls to other services over NATS."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from luce.server.bus.connection import BusClient
from luce.server.deadline import Deadline

Response = TypeVar("Response", bound=Message)


class NatsRpc:
    """Unary calls to any instance of a service (a queue group balances them).

    Args:
        nc: a connected client.
    """

    def __init__(self, nc: BusClient) -> None:
        raise NotImplementedError

    async def call(
        self,
        service: str,
        method: str,
        request: Message,
        response_class: type[Response],
        deadline: Deadline | float | None = None,
    ) -> Response:
        """Call `service` ("luce.v1.AgentsService" or "AgentsService"), carrying deadline and trace.

        Raises the error that the servicer raised; `Unavailable` where no instance runs, `DeadlineExceeded`.
        """
        raise NotImplementedError
