"""The door to Triton: requests in, responses out through decoupled senders while a thread of our own steps.

Nothing is raised from `execute`: each error is a response to its own request.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb
from tokenizers import Tokenizer

from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import Event, Failed, Finished, Partial
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.loop import Loop
from backends.autoregressive.request import parse_request

log = logging.getLogger(__name__)

PARTIAL, FINAL = b"partial", b"final"
"""Values of the output `kind`."""

ERROR_CODES = {
    "INVALID_ARGUMENT": "INVALID_ARG",
    "RESOURCE_EXHAUSTED": "UNAVAILABLE",
    "UNAVAILABLE": "UNAVAILABLE",
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
        engine, self._generation, ladders = load_engine(
            Path(args["model_repository"]) / args["model_version"],
            options,
            kind=args["model_instance_kind"],
            device_id=int(args["model_instance_device_id"]),
        )
        detokenizer = self._generation.detokenizer
        self._tokenizer = Tokenizer.from_file(str(detokenizer)) if detokenizer else None
        self._loop = Loop(engine, options.limits.rows + options.limits.waiting, end_with(os.getppid()))
        sizes = {length: ladder.sizes for length, ladder in ladders.items()}
        log.info("%s: rows a call by cache length %s", args["model_name"], sizes)

    def execute(self, requests: list[Any]) -> None:
        """Hand new requests to the loop."""
        for request in requests:
            mailbox = Mailbox(request.get_response_sender(), self._tokenizer)
            tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            try:
                self._loop.submit(parse_request(tensors, self._generation, request.timeout()), mailbox)
            except RequestFailed as error:
                mailbox.send(Failed(error.code, error.message))
            except Exception:
                log.exception("a request could not be read")
                mailbox.send(Failed("INTERNAL", "the request could not be read; the server's log tells more"))

    def finalize(self) -> None:
        """Stop the loop."""
        self._loop.stop()


def end_with(server: int) -> Callable[[], None]:
    """Makes what ends this process once the server, our parent, is gone without having said so.

    The stub itself looks after that, but not while a thread of ours goes on with work that nobody waits for.
    """

    def look() -> None:
        if os.getppid() != server:
            os._exit(1)

    return look


class Mailbox:
    """A response sender of Triton."""

    def __init__(self, sender: Any, tokenizer: Tokenizer | None) -> None:
        self._sender = sender
        self._tokenizer = tokenizer

    def send(self, event: Event) -> None:
        """Send a response, the last one where the event is an end."""
        if isinstance(event, Partial):
            self._sender.send(self._response(event))
        else:
            self._sender.send(self._response(event), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def cancelled(self) -> bool:
        """Whether the client has left."""
        return bool(self._sender.is_cancelled())

    def _response(self, event: Event) -> Any:
        if isinstance(event, Failed):
            code = getattr(pb.TritonError, ERROR_CODES[event.code])
            return pb.InferenceResponse(error=pb.TritonError(f"{event.code}: {event.message}", code))
        tensors = [
            pb.Tensor("tokens", event.tokens[None].astype(np.int32)),
            _tensor("kind", FINAL if isinstance(event, Finished) else PARTIAL, np.object_),
            _tensor("count", len(event.tokens) if isinstance(event, Finished) else event.count, np.int32),
            _tensor("total", event.total, np.int32),
        ]
        if event.media is not None:
            tensors.append(pb.Tensor("media", np.ascontiguousarray(event.media[None])))
        if isinstance(event, Finished):
            tensors.append(_tensor("finish_reason", event.reason.encode(), np.object_))
            tensors.append(_tensor("log_probability", event.log_probability, np.float32))
            timings = event.timings
            tensors.extend(_tensor(name, getattr(timings, name), np.int64) for name in timings.__slots__)
            if self._tokenizer is not None:
                text = self._tokenizer.decode(event.tokens.tolist())
                tensors.append(_tensor("text", text.encode(), np.object_))
        return pb.InferenceResponse(tensors)


def _tensor(name: str, value: float | bytes, dtype: Any) -> Any:
    return pb.Tensor(name, np.array([[value]], dtype=dtype))
