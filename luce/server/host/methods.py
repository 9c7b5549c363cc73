"""The methods of a servicer, read from its service descriptor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC.

    Attributes:
        service: full name, such as "luce.v1.AgentsService".
        name: such as "Describe".
        request_class: of the request message.
        response_class: of the response message.
        behaviour: the servicer's bound method.
        client_streaming: whether the client sends a stream.
        server_streaming: whether the server sends a stream.
    """

    service: str
    name: str
    request_class: type[Message]
    response_class: type[Message]
    behaviour: Callable[[Any, Any], Any]
    client_streaming: bool
    server_streaming: bool

    @property
    def is_unary(self) -> bool:
        """One request, one response."""
        return not (self.client_streaming or self.server_streaming)

    @property
    def subject(self) -> str:
        """Where it is called over NATS."""
        return rpc_subject(self.service, self.name)


def rpc_subject(service: str, method: str) -> str:
    """`luce.rpc.<Service>.<Method>`, from the service's full or short name."""
    return f"luce.rpc.{service.rpartition('.')[2]}.{method}"


def methods_of(servicer: object, descriptor: ServiceDescriptor) -> Iterator[Method]:
    """Every method of a service. Raises `TypeError` where the servicer lacks one."""
    for method in descriptor.methods:
        behaviour = getattr(servicer, method.name, None)
        if behaviour is None:
            raise TypeError(f"{type(servicer).__name__} has no method {method.name} of {descriptor.full_name}")
        yield Method(
            service=descriptor.full_name,
            name=method.name,
            request_class=GetMessageClass(method.input_type),
            response_class=GetMessageClass(method.output_type),
            behaviour=behaviour,
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
        )
