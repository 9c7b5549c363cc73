"""What sharing steps brings to composing: tokens a second of 1, 4 and 16 pieces in flight.

The committed `midi_composer` writes pieces of some bars with the engine of `backends/autoregressive`, in this process.
What is told is told of the time in which all of them are in flight: as one ends, a busy server begins the next. Beside
the wall clock the processor's time is told, which other work on the machine disturbs less.

    python -m loadtests.composing

Prints a table and, with `--json`, one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from backends.autoregressive.engine import Engine, Limits
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.request import parse_request
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.planning import Moment, Wish, plan

MODEL: Final = Path(__file__).parents[1] / "model_repository" / "midi_composer" / "1"
TOGETHER: Final = (1, 4, 16)


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds of some pieces in flight together."""

    in_flight: int
    tokens_per_s: float
    tokens_per_cpu_s: float
    ms_per_step: float


def run(engine: Engine, generation: object, together: int, seconds: float) -> tuple[float, float, float]:
    """Tokens a second, tokens a second of the processor, milliseconds of a step, until the first of the pieces ends."""
    for seed in range(together):
        tensors = Draft(plan(Wish((Moment(seconds, 0.3, 0.2),), time_signature="4/4"), 7), seed).request()
        if tensors is None:
            raise AssertionError("a new draft has something to ask for")
        engine.submit(seed, parse_request(tensors, generation))  # type: ignore[arg-type]
    steps = engine.steps_run
    wall, cpu = time.perf_counter(), time.process_time()
    while len(engine) == together:
        engine.step()
    wall, cpu, steps = time.perf_counter() - wall, time.process_time() - cpu, engine.steps_run - steps
    while len(engine):
        engine.step()
    return together * steps / wall, together * steps / cpu, wall / steps * 1e3


def measure(rounds: int, seconds: float, threads: int) -> list[Figures]:
    """In turns, so that what disturbs one number disturbs all."""
    limits = Limits(rows=max(TOGETHER), waiting=max(TOGETHER))
    engine, generation, _ = load_engine(MODEL, Options(limits=limits, threads=threads))
    found: dict[int, list[tuple[float, float, float]]] = {count: [] for count in TOGETHER}
    for _ in range(rounds):
        for count in TOGETHER:
            found[count].append(run(engine, generation, count, seconds))
    return [
        Figures(count, *(float(statistics.median(column)) for column in np.array(rows).T.tolist()))
        for count, rows in found.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="repetitions, of which the median counts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a piece (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads inside an operator (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object after the table")
    given = parser.parse_args(arguments)
    if given.rounds < 1 or given.threads < 1:
        parser.error("--rounds and --threads are at least 1")
    found = measure(given.rounds, given.seconds, given.threads)
    print("| in flight | tokens/s | tokens/s of processor time | ms/step | times one at a time (processor time) |")
    print("|---|---|---|---|---|")
    for figures in found:
        ratio = figures.tokens_per_cpu_s / found[0].tokens_per_cpu_s
        rates = f"{figures.tokens_per_s:.0f} | {figures.tokens_per_cpu_s:.0f} | {figures.ms_per_step:.2f}"
        print(f"| {figures.in_flight} | {rates} | {ratio:.1f} |")
    if given.json:
        print(json.dumps([asdict(figures) for figures in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
