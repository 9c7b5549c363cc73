"""What an operation may ask of the outside world.

The core of the SDK does no input or output. An operation is a generator that yields commands and receives their
outcomes; `luce._sync` and `luce._async` carry the same commands out, one blocking, one on an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message

from luce.v1 import agents_pb2, jobs_pb2, mapping_pb2, media_pb2


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract.

    Attributes:
        path: As gRPC names it, "/package.Service/Method".
        response: The class of its answers.
    """

    path: str
    response: type[Message]


@dataclass(frozen=True, slots=True)
class Unary:
    """Call a method; the outcome is its answer."""

    method: Method
    request: Message
    timeout_s: float


@dataclass(frozen=True, slots=True)
class SendStream:
    """Call a method that takes a stream of messages; the outcome is its answer."""

    method: Method
    requests: Callable[[], Iterator[Message]]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Open:
    """Call a method that answers with a stream; the outcome is the stream, to be read and closed."""

    method: Method
    request: Message
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """The outcome is the stream's next message, or None after the last."""

    stream: Any


@dataclass(frozen=True, slots=True)
class Close:
    """Give the stream up, whether or not it has ended."""

    stream: Any


@dataclass(frozen=True, slots=True)
class Connect:
    """Wait until the server answers on every channel."""

    timeout_s: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a value to whoever listens to the operation."""

    value: Any


Command: TypeAlias = Unary | SendStream | Open | Read | Close | Connect | Sleep | Emit

T = TypeVar("T")

Operation: TypeAlias = Generator[Command, Any, T]
"""Yields commands, receives their outcomes (failed ones are thrown in as `luce.errors`), returns its result."""


class Abandoned(BaseException):
    """Thrown into an operation that nobody listens to any more, so that, unlike at a GeneratorExit, it can yield."""


SUBMIT: Final = Method("/luce.v1.JobsService/Submit", jobs_pb2.SubmitResponse)
GET: Final = Method("/luce.v1.JobsService/Get", jobs_pb2.GetResponse)
LIST: Final = Method("/luce.v1.JobsService/List", jobs_pb2.ListResponse)
CANCEL: Final = Method("/luce.v1.JobsService/Cancel", jobs_pb2.CancelResponse)
WATCH: Final = Method("/luce.v1.JobsService/Watch", jobs_pb2.WatchResponse)
UPLOAD: Final = Method("/luce.v1.MediaService/Upload", media_pb2.UploadResponse)
DOWNLOAD: Final = Method("/luce.v1.MediaService/Download", media_pb2.DownloadResponse)
IMAGINE: Final = Method("/luce.v1.AgentsService/Imagine", agents_pb2.ImagineResponse)
FEEL: Final = Method("/luce.v1.MappingService/Feel", mapping_pb2.FeelResponse)
ALIGN: Final = Method("/luce.v1.MappingService/Align", mapping_pb2.AlignResponse)
EMBED: Final = Method("/luce.v1.MappingService/Embed", mapping_pb2.EmbedResponse)


class Steps(Generic[T]):
    """One run of an operation, step by step.

    Attributes:
        result: What the operation returned; set when `advance` answers None.
    """

    def __init__(self, operation: Operation[T]) -> None:
        self._operation = operation
        self.result: T

    def advance(self, outcome: Any, failure: BaseException | None) -> Command | None:
        """Hand in the last command's outcome, or its failure, and take the next command; None: it has returned."""
        try:
            return self._operation.send(outcome) if failure is None else self._operation.throw(failure)
        except StopIteration as end:
            self.result = end.value
            return None
