"""The door to Triton: its requests in, arrays through `Graph`, its responses out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb

from backends.onnxruntime.graph import Graph, GraphConfig


class TritonPythonModel:
    """One instance of one model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph. An exception here makes the model unavailable, with its message in the log."""
        config = GraphConfig.parse(args["model_config"])
        self._graph = Graph(
            config,
            Path(args["model_repository"]) / args["model_version"],
            kind=args["model_instance_kind"],
            device_id=int(args["model_instance_device_id"]),
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the batch that Triton's scheduler put together; cancelled requests are not computed."""
        cancelled = [request.is_cancelled() for request in requests]
        alive = [request for request, gone in zip(requests, cancelled, strict=True) if not gone]
        answers = iter(
            self._graph.run(
                [{t.name(): t.as_numpy() for t in request.inputs()} for request in alive],
                [request.requested_output_names() for request in alive],
            )
        )
        return [
            _error("cancelled", pb.TritonError.CANCELLED) if gone else _response(next(answers)) for gone in cancelled
        ]


def _response(answer: dict[str, Any] | Exception) -> Any:
    if isinstance(answer, Exception):
        return _error(str(answer), pb.TritonError.INVALID_ARG)
    return pb.InferenceResponse([pb.Tensor(name, array) for name, array in answer.items()])


def _error(message: str, code: Any) -> Any:
    return pb.InferenceResponse(error=pb.TritonError(message, code))
