"""Measures what the gateway costs, beside calling Triton directly, in the same run on the same servers.

`/v1/embeddings` (one text a call, tokenised by the gateway) against `ModelInfer` (one row a call, tokenised before),
at 1 and at 64 calls in flight, in turns; and from the submission of a job to its durable acknowledgement.

    python -m loadtests.gateway --rounds 5

Prints a table and, with `--json`, one JSON object. Starts its own NATS, Triton and gateway.
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
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
import uvloop
from tokenizers import Tokenizer
from tritonclient.grpc import service_pb2, service_pb2_grpc

from loadtests.http_client import HttpClient
from luce.server.local.nats import NatsOptions, nats_process
from luce.server.local.ports import free_ports
from luce.server.local.process import ProcessSpec, http_probe
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process

ROOT: Final = Path(__file__).parents[1]
TOKENIZER: Final = ROOT / "model_repository" / "text_encoder" / "1" / "tokenizer.json"
BUCKET: Final = 16
CHANNELS: Final = 4
TEXTS: Final = [f"a {light} {scene} {when}" for light in ("calm", "bright", "misty", "stormy")
                for scene in ("lake", "harbour", "mountain", "city", "forest", "desert", "coast", "village")
                for when in ("at dawn", "at noon", "at night", "in the rain")]  # fmt: skip

Call = Callable[[int], Awaitable[None]]


def direct_calls(address: str) -> tuple[Call, list[grpc.aio.Channel]]:
    """The leanest call to Triton: a prepared message with raw bytes, over a few channels."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    requests = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        tokens, mask = np.zeros((1, BUCKET), np.int64), np.zeros((1, BUCKET), np.int64)
        tokens[0, : len(ids)], mask[0, : len(ids)] = ids, 1
        request = service_pb2.ModelInferRequest(model_name="text_encoder")
        for name, array in (("input_ids", tokens), ("attention_mask", mask)):
            request.inputs.add(name=name, datatype="INT64", shape=array.shape)
            request.raw_input_contents.append(array.tobytes())
        request.outputs.add(name="sent_emb")
        requests.append(request)
    channels = [grpc.aio.insecure_channel(address, [("luce.channel", index)]) for index in range(CHANNELS)]
    stubs = [service_pb2_grpc.GRPCInferenceServiceStub(channel) for channel in channels]

    async def call(index: int) -> None:
        answer = await stubs[index % CHANNELS].ModelInfer(requests[index % len(requests)], timeout=30)
        vector = np.frombuffer(answer.raw_output_contents[0], np.float32)
        if vector.shape != (384,):
            raise RuntimeError(f"Triton answered {vector.shape}")

    return call, channels


def http_calls(client: HttpClient) -> Call:
    """The call through the gateway."""
    bodies = [json.dumps({"input": text, "encoding_format": "base64"}).encode() for text in TEXTS]

    async def call(index: int) -> None:
        status, _, body = await client.request("POST", "/v1/embeddings", bodies[index % len(bodies)])
        if status != 200 or b'"embedding":"' not in body:
            raise RuntimeError(f"the gateway answered {status}: {body[:300]!r}")

    return call


async def drive(call: Call, in_flight: int, seconds: float) -> tuple[list[float], float]:
    """Keeps `in_flight` calls under way for a while: each call's seconds, and calls per second."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    start = time.perf_counter()

    async def loop(lane: int) -> None:
        index = lane
        while (begun := time.perf_counter()) < end:
            await call(index)
            took.append(time.perf_counter() - begun)
            index += in_flight

    await asyncio.gather(*(loop(lane) for lane in range(in_flight)))
    return took, len(took) / (time.perf_counter() - start)


async def embeddings(http: HttpClient, triton: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Direct and through the gateway in turns, so that what else the machine does meets both."""
    direct, channels = direct_calls(triton)
    through = http_calls(http)
    for call in (direct, through):
        await drive(call, 8, 1.0)
    figures: dict[str, Any] = {}
    for in_flight in (1, 64):
        latencies: dict[str, list[float]] = {"direct": [], "gateway": []}
        rates: dict[str, list[float]] = {"direct": [], "gateway": []}
        for turn in range(rounds):
            pair = [("direct", direct), ("gateway", through)]
            for name, call in pair if turn % 2 == 0 else pair[::-1]:
                took, rate = await drive(call, in_flight, seconds)
                latencies[name] += took
                rates[name].append(rate)
        figures[f"in_flight_{in_flight}"] = {
            name: {
                "p50_ms": _ms(statistics.median(latencies[name])),
                "p99_ms": _ms(_quantile(latencies[name], 0.99)),
                "calls_per_s": round(statistics.median(rates[name]), 1),
            }
            for name in latencies
        }
    for channel in channels:
        await channel.close()
    one, many = figures["in_flight_1"], figures["in_flight_64"]
    figures["added_p50_ms_at_1"] = round(one["gateway"]["p50_ms"] - one["direct"]["p50_ms"], 3)
    figures["throughput_ratio_at_64"] = round(many["gateway"]["calls_per_s"] / many["direct"]["calls_per_s"], 3)
    return figures


async def submissions(http: HttpClient, count: int) -> dict[str, Any]:
    """From a submission to its acknowledgement, when record and message are stored; each job is cancelled after."""
    took = []
    for index in range(count + 10):
        body = json.dumps({"prompt": f"picture {index}"}).encode()
        begun = time.perf_counter()
        status, headers, answer = await http.request("POST", "/v1/images/generations", body)
        took.append(time.perf_counter() - begun)
        if status != 202:
            raise RuntimeError(f"the gateway answered {status}: {answer[:300]!r}")
        await http.request("DELETE", headers["location"])
    took = took[10:]
    return {"count": count, "p50_ms": _ms(statistics.median(took)), "p99_ms": _ms(_quantile(took, 0.99))}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _services(folder: Path) -> tuple[list[Service], int, str]:
    http, grpc_port, nats, triton_http, triton_grpc, triton_metrics = free_ports(6)
    environment = os.environ | {
        "LUCE_NATS_URL": f"nats://127.0.0.1:{nats}",
        "LUCE_TRITON_URL": f"127.0.0.1:{triton_grpc}",
        "LUCE_GATEWAY_HTTP_ADDRESS": f"127.0.0.1:{http}",
        "LUCE_GATEWAY_GRPC_ADDRESS": f"127.0.0.1:{grpc_port}",
        "LUCE_TELEMETRY_LOG_LEVEL": "WARNING",
    }
    options = TritonOptions(
        model_repository=ROOT / "model_repository",
        state=folder / "triton",
        source_root=ROOT,
        http_port=triton_http,
        grpc_port=triton_grpc,
        metrics_port=triton_metrics,
        models=["text_encoder"],
    )
    gateway = ProcessSpec(
        name="gateway",
        argv=[sys.executable, "-m", "gateway.main"],
        env=environment,
        cwd=ROOT,
        ready=http_probe(f"http://127.0.0.1:{http}/livez"),
    )
    services = [
        Service(nats_process(NatsOptions(folder / "nats", nats))),
        Service(triton_process(options)),
        Service(gateway, after=("nats", "triton")),
    ]
    return services, http, f"127.0.0.1:{triton_grpc}"


async def measure(rounds: int, seconds: float, submits: int) -> dict[str, Any]:
    """Starts the servers, measures, stops them."""
    with tempfile.TemporaryDirectory(prefix="luce-loadtest-") as name:
        services, port, triton = _services(Path(name))
        supervisor = Supervisor(services, logs=Path(name) / "logs")
        try:
            await supervisor.start()
            async with HttpClient("127.0.0.1", port, connections=64) as http:
                return {
                    "cores": len(os.sched_getaffinity(0)),
                    "load_before": round(os.getloadavg()[0], 2),
                    "submit": await submissions(http, submits),
                    "embeddings": await embeddings(http, triton, rounds, seconds),
                }
        finally:
            await supervisor.stop()


def _table(figures: dict[str, Any]) -> str:
    lines = [f"{'in flight':>9}  {'path':<8} {'p50 ms':>9} {'p99 ms':>9} {'calls/s':>9}"]
    for in_flight in (1, 64):
        for path, row in figures["embeddings"][f"in_flight_{in_flight}"].items():
            values = f"{row['p50_ms']:9.2f} {row['p99_ms']:9.2f} {row['calls_per_s']:9.1f}"
            lines.append(f"{in_flight:>9}  {path:<8} {values}")
    embedding, submit = figures["embeddings"], figures["submit"]
    lines.append(f"added at 1 in flight (p50): {embedding['added_p50_ms_at_1']:.2f} ms")
    lines.append(f"throughput at 64 in flight, gateway / direct: {embedding['throughput_ratio_at_64']:.2f}")
    lines.append(f"submit to durable acknowledgement: p50 {submit['p50_ms']:.2f} ms, p99 {submit['p99_ms']:.2f} ms")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each path at each level")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn")
    parser.add_argument("--submits", type=int, default=300, help="jobs to submit")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    figures = uvloop.run(measure(arguments.rounds, arguments.seconds, arguments.submits))
    print(json.dumps(figures, indent=2) if arguments.json else _table(figures))


if __name__ == "__main__":
    main()
