"""How fast captions are written by the real Triton, alone and together.

The committed captioner writes captions of 50 tokens for 1, 4 and 16 requests at a time, with one thread. What is told
is told of the time in which as many are in flight: as one ends, the next begins, until twelve for each place have.

    python -m loadtests.captioning

Prints a table and, with `--json`, one JSON object. Takes about a minute on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadtests.autoregressive import ROOT, server
from luce.server.inference import InferenceClient
from luce.server.music.captions import prefix

MODEL: Final = "music_captioner"
TOGETHER: Final = (1, 4, 16)
TOKENS: Final = 50
FEWEST: Final = 16
"""Captions of one measurement at least."""
WAVES: Final = 12
"""Captions that follow one another in each place at least; the first and the last one do not count."""
DEADLINE_S: Final = 60.0


async def _write(client: InferenceClient, seed: int, shapes: dict[str, list[int]]) -> None:
    random = np.random.default_rng(seed)
    inputs: dict[str, Any] = {name: random.random((1, *shape)).astype(np.float32) for name, shape in shapes.items()}
    inputs |= {"prefix": prefix("whole", TOKENS)[None], "max_tokens": np.array([[TOKENS]], np.int32)}
    inputs["min_tokens"] = inputs["max_tokens"]
    async for _ in client.stream(MODEL, inputs, deadline=DEADLINE_S):
        pass


async def _rate(client: InferenceClient, together: int, shapes: dict[str, list[int]]) -> float:
    """Tokens a second, from when the places' first captions have ended until their last ones begin."""
    places = asyncio.Semaphore(together)
    captions = max(FEWEST, WAVES * together)
    ended: list[float] = []

    async def one(seed: int) -> None:
        async with places:
            await _write(client, seed, shapes)
            ended.append(time.perf_counter())

    await asyncio.gather(*(one(seed) for seed in range(captions)))
    counted = captions - 2 * together
    return counted * TOKENS / (ended[captions - together - 1] - ended[together - 1])


async def measure(rounds: int) -> dict[int, float]:
    """Median tokens a second by the number in flight."""
    with tempfile.TemporaryDirectory(prefix="luce-captioning-") as folder:
        shutil.copytree(ROOT / "model_repository" / MODEL, Path(folder) / MODEL)
        document = json.loads((Path(folder) / MODEL / "1" / "generation.json").read_text())
        shapes = {item["name"]: item["shape"] for item in document["condition_inputs"]}
        found: dict[int, list[float]] = {count: [] for count in TOGETHER}
        async with server(Path(folder), threads=1) as client:
            for _ in range(rounds):
                for count in TOGETHER:
                    found[count].append(await _rate(client, count, shapes))
    return {count: statistics.median(rates) for count, rates in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="repetitions, of which the median counts (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object after the table")
    given = parser.parse_args(arguments)
    # gRPC tells of each server that is started beside open channels; nothing is wrong with that.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    rates = asyncio.run(measure(max(given.rounds, 1)))
    print("| in flight | tokens/s | times one at a time |")
    print("|---|---|---|")
    for count, rate in rates.items():
        print(f"| {count} | {rate:.0f} | {rate / rates[1]:.1f} |")
    if given.json:
        print(json.dumps(rates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
