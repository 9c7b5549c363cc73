"""Carrying out commands by blocking calls."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import grpc

from luce import _commands as commands
from luce._channels import Target, serialize
from luce._wire import from_rpc
from luce.errors import LuceError, Unavailable

T = TypeVar("T")


class SyncTransport:
    """Blocking gRPC calls over a pool of channels. Threads may share it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channels = [self._channel(index) for index in range(target.limits.channels)]
        self._next = itertools.cycle(self._channels)
        self._lock = threading.Lock()

    def _channel(self, index: int) -> grpc.Channel:
        credentials, options = self._target.credentials(), self._target.options(index)
        if credentials is None:
            return grpc.insecure_channel(self._target.address, options)
        return grpc.secure_channel(self._target.address, credentials, options)

    def close(self) -> None:
        """Close every channel; calls under way fail as cancelled."""
        for channel in self._channels:
            channel.close()

    def run(self, operation: commands.Operation[T], on_event: Callable[[Any], object] | None = None) -> T:
        """Run an operation to its result; `on_event` is called with what it emits."""
        steps = commands.Steps(operation)
        running = self._events(steps)
        failure: BaseException | None = None
        while True:
            try:
                event = next(running) if failure is None else running.throw(failure)
            except StopIteration:
                return steps.result
            failure = None
            try:
                if on_event is not None:
                    on_event(event)
            except BaseException as error:
                # The operation cleans up and raises it again.
                failure = error

    def events(self, operation: commands.Operation[Any]) -> Generator[Any, None, None]:
        """Run an operation, yielding what it emits."""
        return self._events(commands.Steps(operation))

    def _events(self, steps: commands.Steps[Any]) -> Generator[Any, None, None]:
        command = steps.advance(None, None)
        while command is not None:
            outcome, failure = None, None
            try:
                if isinstance(command, commands.Emit):
                    yield command.value
                else:
                    outcome = self._perform(command)
            except GeneratorExit:
                self._abandon(steps)
                raise
            except BaseException as error:
                # The operation cleans up and raises it again.
                failure = error
            command = steps.advance(outcome, failure)

    def _abandon(self, steps: commands.Steps[Any]) -> None:
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
                outcome = self._perform(command)
            except LuceError as error:
                failure = error

    def _perform(self, command: commands.Command) -> Any:
        try:
            match command:
                case commands.Unary(method, request, timeout_s):
                    unary = self._pick().unary_unary(method.path, serialize, method.response.FromString)
                    return unary(request, timeout=timeout_s, metadata=self._target.metadata())
                case commands.SendStream(method, requests, timeout_s):
                    send = self._pick().stream_unary(method.path, serialize, method.response.FromString)
                    return send(requests(), timeout=timeout_s, metadata=self._target.metadata())
                case commands.Open(method, request, timeout_s):
                    receive = self._pick().unary_stream(method.path, serialize, method.response.FromString)
                    return receive(request, timeout=timeout_s, metadata=self._target.metadata())
                case commands.Read(stream):
                    return next(stream, None)
                case commands.Close(stream):
                    stream.cancel()
                case commands.Connect(timeout_s):
                    self._connect(timeout_s)
                case commands.Sleep(seconds):
                    time.sleep(seconds)
        except grpc.RpcError as error:
            raise from_rpc(error) from error
        return None

    def _pick(self) -> grpc.Channel:
        with self._lock:
            return next(self._next)

    def _connect(self, timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        for channel in self._channels:
            ready = grpc.channel_ready_future(channel)
            try:
                ready.result(timeout=max(until - time.monotonic(), 0.001))
            except grpc.FutureTimeoutError as error:
                raise Unavailable(self._target.unreachable(timeout_s)) from error
            finally:
                ready.cancel()
