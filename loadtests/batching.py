"""Short requests beside long ones: iteration-level batching against the same backend that runs a batch to its end.

Half of the requests take 6 steps, half 40; they arrive at random times (Poisson) at 70 % of what the machine can do,
which is measured first. Every way of scheduling gets the same requests at the same times, on a Triton of its own.

    python -m loadtests.batching --requests 60

Prints a table and, with `--json`, one JSON object. `run_to_completion` is the usual way: a batch is taken, runs its
whole loop, and answers when the last member is done. `no_join` is its better form: members answer when they are done,
only joining has to wait.
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

from luce.server.inference import InferenceClient
from luce.server.local.ports import free_ports
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process
from luce.server.settings import TritonSettings

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = "image_generator"
SHORT, LONG = 6, 40
SCHEDULINGS: Final = ("iteration", "no_join", "run_to_completion")
PROMPT: Final = "a calm lake at dawn, watercolor"
DEADLINE_S: Final = 170.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: when it comes (seconds from the start), how many steps it takes, its seed."""

    at: float
    steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one way of scheduling did. Latencies in seconds, by number of steps; throughput in steps per second."""

    latencies: dict[int, list[float]]
    makespan: float

    def quantile(self, steps: int, share: float) -> float:
        """Latency that this share of the requests did not exceed."""
        return float(np.quantile(self.latencies[steps], share))

    @property
    def throughput(self) -> float:
        """Denoising steps of finished requests per second, from the first arrival to the last answer."""
        return sum(steps * len(found) for steps, found in self.latencies.items()) / self.makespan


@asynccontextmanager
async def server(scheduling: str) -> AsyncIterator[InferenceClient]:
    """A Triton with the picture model alone, and a client of it."""
    http, grpc, metrics = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="luce-batching-") as folder:
        options = TritonOptions(
            model_repository=ROOT / "model_repository",
            state=Path(folder) / "triton",
            source_root=ROOT,
            http_port=http,
            grpc_port=grpc,
            metrics_port=metrics,
            models=[MODEL],
            extra_env={"LUCE_DIFFUSION_SCHEDULING": scheduling},
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


async def generate(client: InferenceClient, steps: int, seed: int, size: int) -> float:
    """One picture; seconds it took."""
    inputs: dict[str, Any] = {
        "prompt": np.array([[PROMPT]], np.object_),
        "seed": np.array([[seed]], np.uint64),
        "steps": np.array([[steps]], np.int32),
        "width": np.array([[size]], np.int32),
        "height": np.array([[size]], np.int32),
    }
    start = time.perf_counter()
    final = False
    async for answer in client.stream(MODEL, inputs, deadline=DEADLINE_S):
        final = answer.final
    if not final:
        raise RuntimeError("a stream ended without a picture")
    return time.perf_counter() - start


async def capacity(client: InferenceClient, size: int, together: int = 6) -> float:
    """Steps per second when `together` requests are always in flight."""
    start = time.perf_counter()
    await asyncio.gather(*(generate(client, 12, seed, size) for seed in range(together)))
    return together * 12 / (time.perf_counter() - start)


def trace(count: int, rate: float, seed: int) -> list[Arrival]:
    """`count` arrivals, `rate` a second on average, half short and half long in random order."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(1 / rate, count))
    kinds = random.permutation([SHORT, LONG] * (count // 2))
    return [Arrival(float(at), int(steps), index) for index, (at, steps) in enumerate(zip(times, kinds, strict=True))]


async def replay(client: InferenceClient, arrivals: Sequence[Arrival], size: int) -> Outcome:
    """Send the requests at their times."""
    start = time.perf_counter()

    async def one(arrival: Arrival) -> float:
        await asyncio.sleep(max(0.0, arrival.at - (time.perf_counter() - start)))
        return await generate(client, arrival.steps, arrival.seed, size)

    found = await asyncio.gather(*(one(arrival) for arrival in arrivals))
    latencies: dict[int, list[float]] = {SHORT: [], LONG: []}
    for arrival, latency in zip(arrivals, found, strict=True):
        latencies[arrival.steps].append(latency)
    return Outcome(latencies, time.perf_counter() - start - arrivals[0].at)


async def measure(count: int, load: float, size: int, seed: int) -> dict[str, Any]:
    """Every way of scheduling over the same arrivals."""
    outcomes: dict[str, Outcome] = {}
    arrivals: list[Arrival] = []
    steps_per_s = 0.0
    for scheduling in SCHEDULINGS:
        async with server(scheduling) as client:
            if not arrivals:
                steps_per_s = statistics.median([await capacity(client, size) for _ in range(2)])
                arrivals = trace(count, load * steps_per_s / ((SHORT + LONG) / 2), seed)
            outcomes[scheduling] = await replay(client, arrivals, size)
    return {"capacity": steps_per_s, "outcomes": outcomes}


def report(found: dict[str, Any], load: float, size: int) -> dict[str, Any]:
    """Print the table; answer the same as plain data."""
    print(f"capacity {found['capacity']:.1f} steps/s at {size}x{size} with guidance; load {load:.0%} of it\n")
    print("| scheduling | short p50 s | short p95 s | long p50 s | long p95 s | steps/s |")
    print("|---|---|---|---|---|---|")
    rows: dict[str, Any] = {}
    for name, outcome in found["outcomes"].items():
        values = [outcome.quantile(steps, share) for steps in (SHORT, LONG) for share in (0.5, 0.95)]
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} | {outcome.throughput:.1f} |")
        names = ("short_p50_s", "short_p95_s", "long_p50_s", "long_p95_s")
        rows[name] = {**dict(zip(names, values, strict=True)), "steps_per_s": outcome.throughput}
    ratios = {name: rows[name]["short_p95_s"] / rows["iteration"]["short_p95_s"] for name in SCHEDULINGS[1:]}
    told = ", ".join(f"{ratio:.1f}x than {name}" for name, ratio in ratios.items())
    print(f"\np95 of the short requests is better: {told}")
    return {"capacity_steps_per_s": found["capacity"], "load": load, "size": size, "short_p95_ratio": ratios, **rows}


def main() -> int:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=60, help="how many, an even number (default: %(default)s)")
    parser.add_argument("--load", type=float, default=0.7, help="share of the capacity (default: %(default)s)")
    parser.add_argument("--size", type=int, default=192, help="pixels each way (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the arrival times (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object after the table")
    arguments = parser.parse_args()
    # gRPC tells of each server that is started beside open channels; nothing is wrong with that.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if arguments.requests < 2 or arguments.requests % 2:
        parser.error("--requests is an even number of at least 2")
    found = asyncio.run(measure(arguments.requests, arguments.load, arguments.size, arguments.seed))
    plain = report(found, arguments.load, arguments.size)
    if arguments.json:
        print(json.dumps(plain))
    return 0


if __name__ == "__main__":
    sys.exit(main())
