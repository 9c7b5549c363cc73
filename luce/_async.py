"""Carrying out commands on an event loop."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from luce import _commands as commands
from luce._channels import Target, serialize
from luce._wire import from_rpc
from luce.errors import LuceError, Unavailable

T = TypeVar("T")


class AsyncTransport:
    """gRPC calls over a pool of channels, on the event loop that runs when it is made."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channels = [self._channel(index) for index in range(target.limits.channels)]
        self._next = itertools.cycle(self._channels)

    def _channel(self, index: int) -> grpc.aio.Channel:
        credentials, options = self._target.credentials(), self._target.options(index)
        if credentials is None:
            return grpc.aio.insecure_channel(self._target.address, options)
        return grpc.aio.secure_channel(self._target.address, credentials, options)

    async def close(self) -> None:
        """Close every channel; calls under way fail as cancelled."""
        for channel in self._channels:
            await channel.close()

    async def run(self, operation: commands.Operation[T], on_event: Callable[[Any], object] | None = None) -> T:
        """Run an operation to its result; `on_event` is called with what it emits, and awaited where it is async."""
        steps = commands.Steps(operation)
        running = self._events(steps)
        failure: BaseException | None = None
        while True:
            try:
                event = await (anext(running) if failure is None else running.athrow(failure))
            except StopAsyncIteration:
                return steps.result
            failure = None
            try:
                if on_event is not None:
                    answer = on_event(event)
                    if inspect.isawaitable(answer):
                        await answer
            except BaseException as error:
                # The operation cleans up and raises it again.
                failure = error

    def events(self, operation: commands.Operation[Any]) -> AsyncGenerator[Any, None]:
        """Run an operation, yielding what it emits."""
        return self._events(commands.Steps(operation))

    async def _events(self, steps: commands.Steps[Any]) -> AsyncGenerator[Any, None]:
        command = steps.advance(None, None)
        while command is not None:
            outcome, failure = None, None
            try:
                if isinstance(command, commands.Emit):
                    yield command.value
                else:
                    outcome = await self._perform(command)
            except GeneratorExit:
                await self._abandon(steps)
                raise
            except BaseException as error:
                # The operation cleans up and raises it again.
                failure = error
            command = steps.advance(outcome, failure)

    async def _abandon(self, steps: commands.Steps[Any]) -> None:
        """Let an operation that nobody listens to any more clean up."""
        outcome: Any = None
        failure: BaseException | None = commands.Abandoned()
        while True:
            try:
                command = steps.advance(outcome, failure)
            except commands.Abandoned:
                return
            outcome, failure = None, None
            if command is None:
                return
            try:
                outcome = await self._perform(command)
            except LuceError as error:
                failure = error

    async def _perform(self, command: commands.Command) -> Any:
        try:
            match command:
                case commands.Unary(method, request, timeout_s):
                    unary = self._pick().unary_unary(method.path, serialize, method.response.FromString)
                    return await unary(request, timeout=timeout_s, metadata=self._target.metadata())
                case commands.SendStream(method, requests, timeout_s):
                    send = self._pick().stream_unary(method.path, serialize, method.response.FromString)
                    return await send(requests(), timeout=timeout_s, metadata=self._target.metadata())
                case commands.Open(method, request, timeout_s):
                    receive = self._pick().unary_stream(method.path, serialize, method.response.FromString)
                    return receive(request, timeout=timeout_s, metadata=self._target.metadata())
                case commands.Read(stream):
                    message = await stream.read()
                    return None if message is grpc.aio.EOF else message
                case commands.Close(stream):
                    stream.cancel()
                case commands.Connect(timeout_s):
                    await self._connect(timeout_s)
                case commands.Sleep(seconds):
                    await asyncio.sleep(seconds)
        except grpc.RpcError as error:
            raise from_rpc(error) from error
        return None

    def _pick(self) -> grpc.aio.Channel:
        return next(self._next)

    async def _connect(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                for channel in self._channels:
                    await channel.channel_ready()
        except TimeoutError as error:
            raise Unavailable(self._target.unreachable(timeout_s)) from error
