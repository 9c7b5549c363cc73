"""What a token step costs in Triton beside the step itself, and what sharing steps brings.

A decoder of 4 million random weights (6 layers, width 256, one head for keys and values, caches of 64 to 512) writes
192 tokens for 1, 4 and 16 requests at a time: with the engine alone in this process, then through Triton and gRPC.

    python -m loadtests.autoregressive

Prints a table and, with `--json`, one JSON object. Takes under two minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backends.autoregressive.engine import Engine, Limits
from backends.autoregressive.events import Event, Finished
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.request import DecodingRequest
from luce.server.inference import InferenceClient
from luce.server.local.ports import free_ports
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process
from luce.server.settings import TritonSettings
from tests.fixtures.tiny_language import CONFIG, Decoder, cache, write_decoder

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = "random_composer"
SIZES: Final = Decoder(
    vocabulary=235, inputs=236, width=256, heads=8, layers=6, positions=512, memory=False, hidden=1024, scale=0.03
)
TOGETHER: Final = (1, 4, 16)
DEADLINE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds: milliseconds a step, and tokens a second of all requests together."""

    engine_ms: float
    engine_tokens: float
    triton_ms: float
    triton_tokens: float


def write_model(folder: Path) -> None:
    """The random decoder as a model of the backend."""
    version = folder / "1"
    version.mkdir(parents=True)
    write_decoder(version / "decoder.onnx", SIZES)
    document = {
        "version": 1,
        "vocabulary_size": SIZES.vocabulary,
        "bos": SIZES.vocabulary,
        "decoder": {"graph": "decoder.onnx"},
        "cache": cache(SIZES, [64, 128, 256, SIZES.positions]),
        "max_tokens": {"min": 1, "max": SIZES.positions, "default": 256},
        "sampling": {
            "temperature": {"min": 0, "max": 2, "default": 1.0},
            "top_k": {"min": 0, "max": SIZES.vocabulary, "default": 32},
        },
    }
    (version / "generation.json").write_text(json.dumps(document))
    config = CONFIG.format(name=folder.name, inputs="", outputs='{ name: "tokens" data_type: TYPE_INT32 dims: [ -1 ] }')
    (folder / "config.pbtxt").write_text(config.replace('string_value: "8"', f'string_value: "{max(TOGETHER)}"'))


@asynccontextmanager
async def server(repository: Path, threads: int) -> AsyncIterator[InferenceClient]:
    """A Triton with the model, and a client of it."""
    http, grpc, metrics = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="luce-autoregressive-") as folder:
        options = TritonOptions(
            model_repository=repository,
            state=Path(folder) / "triton",
            source_root=ROOT,
            http_port=http,
            grpc_port=grpc,
            metrics_port=metrics,
            threads=threads,
            exit_timeout_s=5,
        )
        supervisor = Supervisor([Service(triton_process(options))], logs=Path(folder) / "logs")
        await supervisor.start()
        client = InferenceClient(TritonSettings(url=f"127.0.0.1:{grpc}"))
        try:
            yield client
        finally:
            await client.close()
            await supervisor.stop()


def in_process(engine: Engine, together: int, tokens: int) -> tuple[float, float]:
    """Milliseconds a step and tokens a second of the engine alone."""
    nothing = np.empty((0, 1), dtype=np.int64)
    for seed in range(together):
        engine.submit(seed, DecodingRequest(seed=seed, max_tokens=tokens, prefix=nothing, temperature=1.0, top_k=32))
    last: list[Event] = []
    start = time.perf_counter()
    while len(engine):
        for events in engine.step().values():
            last.append(events[-1])
    wall = time.perf_counter() - start
    found = [event.timings.decode_us / 1e3 / tokens for event in last if isinstance(event, Finished)]
    return statistics.median(found), together * tokens / wall


async def through_triton(client: InferenceClient, together: int, tokens: int) -> tuple[float, float]:
    """Milliseconds a step, as the backend timed it, and tokens a second as the client saw them."""

    async def one(seed: int) -> float:
        inputs: dict[str, Any] = {
            "seed": np.array([[seed]], np.uint64),
            "max_tokens": np.array([[tokens]], np.int32),
        }
        *_, last = [answer async for answer in client.stream(MODEL, inputs, deadline=DEADLINE_S)]
        return float(last.outputs["decode_us"].item()) / 1e3 / tokens

    start = time.perf_counter()
    found = await asyncio.gather(*(one(seed) for seed in range(together)))
    return statistics.median(found), together * tokens / (time.perf_counter() - start)


async def measure(rounds: int, tokens: int, threads: int) -> dict[int, Figures]:
    """The engine first, while no server runs, then Triton."""
    with tempfile.TemporaryDirectory(prefix="luce-models-") as folder:
        write_model(Path(folder) / MODEL)
        limits = Limits(rows=max(TOGETHER), waiting=max(TOGETHER))
        engine, _, _ = load_engine(Path(folder) / MODEL / "1", Options(limits=limits, threads=threads))
        order = [count for _ in range(rounds) for count in TOGETHER]
        alone = [(count, in_process(engine, count, tokens)) for count in order]
        async with server(Path(folder), threads) as client:
            served = [(count, await through_triton(client, count, tokens)) for count in order]
    return {count: Figures(*_medians(alone, count), *_medians(served, count)) for count in TOGETHER}


def _medians(found: Sequence[tuple[int, tuple[float, float]]], count: int) -> tuple[float, float]:
    times, rates = zip(*(figures for together, figures in found if together == count), strict=True)
    return statistics.median(times), statistics.median(rates)


def report(found: dict[int, Figures]) -> list[dict[str, float]]:
    """Print the table; answer the same as plain data."""
    print("| in flight | engine ms/step | in Triton ms/step | tokens/s | times one at a time |")
    print("|---|---|---|---|---|")
    rows = []
    for count, figures in found.items():
        ratio = figures.triton_tokens / found[1].triton_tokens
        values = f"{figures.engine_ms:.2f} | {figures.triton_ms:.2f} | {figures.triton_tokens:.0f} | {ratio:.1f}"
        print(f"| {count} | {values} |")
        rows.append(
            {
                "in_flight": count,
                "engine_ms": figures.engine_ms,
                "triton_ms": figures.triton_ms,
                "engine_tokens_per_s": figures.engine_tokens,
                "triton_tokens_per_s": figures.triton_tokens,
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="repetitions, of which the median counts (%(default)s)")
    parser.add_argument("--tokens", type=int, default=192, help="tokens a request (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads inside an operator (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object after the table")
    given = parser.parse_args(arguments)
    # gRPC tells of each server that is started beside open channels; nothing is wrong with that.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if given.rounds < 1 or not 1 <= given.tokens <= SIZES.positions or given.threads < 1:
        parser.error(f"--rounds and --threads are at least 1, --tokens is 1..{SIZES.positions}")
    rows = report(asyncio.run(measure(given.rounds, given.tokens, given.threads)))
    if given.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
