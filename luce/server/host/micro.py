"""The NATS side of a service: endpoints by NATS's micro protocol (ADR-32), so that `nats micro ls` shows them.

The endpoints are our own and not those of nats-py, which drop requests that are under way when they stop.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from luce.errors import InvalidArgument, LuceError
from luce.server import errors
from luce.server.bus.connection import BusClient
from luce.server.deadline import NATS_HEADER, Deadline
from luce.server.host.guard import Guard
from luce.server.host.methods import Method

log = logging.getLogger(__name__)

TRANSPORT: Final = "nats"
ERROR_HEADER: Final = "Nats-Service-Error"
ERROR_CODE_HEADER: Final = "Nats-Service-Error-Code"
_TYPE: Final = "io.nats.micro.v1."
_LEAVE_S: Final = 3.0


class MicroService:
    """One instance of a service on NATS. Unary methods are bound; streams are for gRPC.

    Args:
        nc: a connected client.
        name: of the service, such as "agents".
        version: semantic version.
        methods: to bind.
        guard: around every call.
    """

    def __init__(self, nc: BusClient, name: str, version: str, methods: Sequence[Method], guard: Guard) -> None:
        self._nc = nc
        self._name = name
        self._id = secrets.token_hex(11)
        self._version = version
        self._methods = [method for method in methods if method.is_unary]
        self._guard = guard
        self._started = datetime.datetime.now(datetime.UTC)
        self._counts: dict[str, int] = dict.fromkeys((method.subject for method in self._methods), 0)
        self._errors: dict[str, int] = dict(self._counts)
        self._endpoints: list[Subscription] = []
        self._discovery: list[Subscription] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take calls, and answer discovery."""
        for method in self._methods:
            subscription = await self._nc.subscribe(method.subject, queue=self._name, cb=self._endpoint(method))
            self._endpoints.append(subscription)
        for verb, answer in (("PING", self._identity), ("INFO", self._info), ("STATS", self._stats)):
            for subject in (f"$SRV.{verb}", f"$SRV.{verb}.{self._name}", f"$SRV.{verb}.{self._name}.{self._id}"):
                self._discovery.append(await self._nc.subscribe(subject, cb=_answering(answer)))
        await self._nc.flush()

    async def stop_intake(self) -> None:
        """Leave the queue group and discovery; what was sent here before that is still served."""
        subscriptions = (*self._discovery, *self._endpoints)
        self._discovery.clear()
        self._endpoints.clear()
        if not self._nc.is_connected:
            # They ended with the connection.
            return
        try:
            async with asyncio.timeout(_LEAVE_S):
                await asyncio.gather(*(_drain(subscription) for subscription in subscriptions))
        except TimeoutError:
            log.warning("%s: NATS did not confirm the end of intake", self._name)

    async def finish(self, timeout_s: float) -> None:
        """Wait for the calls in progress, then cancel those that are left."""
        if self._calls:
            _, late = await asyncio.wait(set(self._calls), timeout=timeout_s)
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _endpoint(self, method: Method) -> Callable[[Msg], Any]:
        async def on_request(message: Msg) -> None:
            # A task each: the subscription's own loop serves one message after the other.
            call = asyncio.create_task(self._serve(method, message), name=method.subject)
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

        return on_request

    async def _serve(self, method: Method, message: Msg) -> None:
        headers: dict[str, str] = dict(message.headers or {})
        self._counts[method.subject] += 1
        try:
            deadline = Deadline.from_ms(headers[NATS_HEADER]) if NATS_HEADER in headers else None
            async with self._guard.around(method, TRANSPORT, headers, deadline):
                request = _parse(method, message.data)
                response = await method.behaviour(request, None)
            await self._respond(message, response.SerializeToString(), None)
        except LuceError as error:
            self._errors[method.subject] += 1
            await self._respond_error(message, error)

    async def _respond_error(self, message: Msg, error: LuceError) -> None:
        headers = {
            # A header is one line.
            ERROR_HEADER: " ".join(error.message.split()),
            ERROR_CODE_HEADER: str(errors.row_for(error).http_status),
        }
        await self._respond(message, errors.to_problem(error).SerializeToString(), headers)

    async def _respond(self, message: Msg, payload: bytes, headers: dict[str, str] | None) -> None:
        if not message.reply:
            return
        try:
            await self._nc.publish(message.reply, payload, headers=headers)
        except (nats.errors.Error, OSError) as error:
            log.warning("an answer was not sent: %s", str(error) or type(error).__name__)

    def _identity(self) -> dict[str, Any]:
        return {
            "type": f"{_TYPE}ping_response",
            "name": self._name,
            "id": self._id,
            "version": self._version,
            "metadata": {},
        }

    def _info(self) -> dict[str, Any]:
        endpoints = [
            {"name": method.name, "subject": method.subject, "queue_group": self._name, "metadata": {}}
            for method in self._methods
        ]
        return {**self._identity(), "type": f"{_TYPE}info_response", "description": "", "endpoints": endpoints}

    def _stats(self) -> dict[str, Any]:
        endpoints = [
            {
                "name": method.name,
                "subject": method.subject,
                "queue_group": self._name,
                "num_requests": self._counts[method.subject],
                "num_errors": self._errors[method.subject],
            }
            for method in self._methods
        ]
        started = self._started.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {**self._identity(), "type": f"{_TYPE}stats_response", "started": started, "endpoints": endpoints}


async def _drain(subscription: Subscription) -> None:
    try:
        await subscription.drain()  # type: ignore[no-untyped-call]
    except nats.errors.Error as error:
        log.debug("a subscription ended with its connection: %s", error)


def _answering(answer: Callable[[], dict[str, Any]]) -> Callable[[Msg], Any]:
    async def on_question(message: Msg) -> None:
        if message.reply:
            await message.respond(json.dumps(answer()).encode())

    return on_question


def _parse(method: Method, data: bytes) -> Any:
    try:
        return method.request_class.FromString(data)
    except DecodeError as error:
        raise InvalidArgument(f"the payload is no {method.request_class.DESCRIPTOR.full_name}") from error
