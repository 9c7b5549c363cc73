"""One ONNX graph behind the contract of a Triton model configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from backends.onnxruntime.grouping import Array, Tensors, group, join, split
from backends.sessions import open_session

THREADS_PARAMETER = "intra_op_thread_count"
"""Model parameter with the threads inside one operator, as in Triton's own ONNX Runtime backend; 0 is the budget."""


class UnusableModel(ValueError):
    """The configuration and the graph do not fit together, or ask for what this backend cannot do."""


@dataclass(frozen=True, slots=True)
class GraphConfig:
    """What this backend reads of a model configuration."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    file: str
    batched: bool
    threads: int | None

    @classmethod
    def parse(cls, text: str) -> GraphConfig:
        """Read the JSON that Triton hands to `initialize`. Raises `UnusableModel`."""
        config: dict[str, Any] = json.loads(text)
        for tensor in (*config["input"], *config["output"]):
            if tensor["data_type"] == "TYPE_STRING":
                raise UnusableModel(f"tensor {tensor['name']!r}: BYTES is not supported by this backend")
        threads = config.get("parameters", {}).get(THREADS_PARAMETER, {}).get("string_value", "1")
        if not threads.isdecimal():
            raise UnusableModel(f"parameter {THREADS_PARAMETER} is a whole number, not {threads!r}")
        return cls(
            inputs=tuple(tensor["name"] for tensor in config["input"]),
            outputs=tuple(tensor["name"] for tensor in config["output"]),
            file=config.get("default_model_filename") or "model.onnx",
            batched=config.get("max_batch_size", 0) > 0,
            threads=int(threads) or None,
        )


class Graph:
    """A loaded graph that answers several requests at once.

    Args:
        config: names, file and threads.
        folder: the version folder that holds the file.
        kind: "CPU" or "GPU".
        device_id: index of the GPU.

    Raises:
        UnusableModel: the graph lacks a tensor of the configuration.
    """

    def __init__(self, config: GraphConfig, folder: Path, *, kind: str = "CPU", device_id: int = 0) -> None:
        self._config = config
        self._session: ort.InferenceSession = open_session(
            folder / config.file, threads=config.threads, kind=kind, device_id=device_id
        )
        self._require("input", config.inputs, [tensor.name for tensor in self._session.get_inputs()])
        self._require("output", config.outputs, [tensor.name for tensor in self._session.get_outputs()])

    @staticmethod
    def _require(what: str, wanted: Sequence[str], present: Sequence[str]) -> None:
        missing = sorted(set(wanted) - set(present))
        if missing:
            raise UnusableModel(f"the graph has no {what} {', '.join(missing)}; it has {', '.join(present)}")

    def run(self, requests: Sequence[Tensors], wanted: Sequence[Sequence[str]]) -> list[dict[str, Array] | Exception]:
        """Answer each request with the outputs it wants, or with the exception that it alone caused.

        Requests whose rows can be joined run as one batch. Where a batch fails, its members run one by one, so that a
        broken request loses nobody else's answer.
        """
        answers: list[dict[str, Array] | Exception] = [{} for _ in requests]
        batches = group(requests) if self._config.batched else [[index] for index in range(len(requests))]
        for batch in batches:
            for index, answer in zip(batch, self._run_batch([requests[i] for i in batch], batch, wanted), strict=True):
                answers[index] = answer
        return answers

    def _run_batch(
        self, requests: Sequence[Tensors], batch: Sequence[int], wanted: Sequence[Sequence[str]]
    ) -> Sequence[dict[str, Array] | Exception]:
        names = [name for name in self._config.outputs if any(name in wanted[index] for index in batch)]
        try:
            pieces = self._call(requests, names)
        except Exception as error:
            # ONNX Runtime raises a class of its own for each status; all of them mean "this batch cannot be run".
            if len(requests) == 1:
                return [error]
            return [self._run_batch([r], [i], wanted)[0] for r, i in zip(requests, batch, strict=True)]
        return [
            {name: piece[name] for name in names if name in wanted[i]} for piece, i in zip(pieces, batch, strict=True)
        ]

    def _call(self, requests: Sequence[Tensors], names: Sequence[str]) -> Sequence[Mapping[str, Array]]:
        outputs = dict(zip(names, self._session.run(list(names), join(requests)), strict=True))
        if not self._config.batched:
            return [outputs]
        return split(outputs, [next(iter(tensors.values())).shape[0] for tensors in requests])
