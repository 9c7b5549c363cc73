"""Measures `score` and `compose` on a warm stack: the time to 30 s of finished sound, and to the first that is heard.

python -m loadtests.score --repeats 5

Beside the time by the clock stands the processor time of all processes of a running local stack (`luce up --detach`
first): it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import psutil
from PIL import Image

from luce import AsyncClient, AudioChunk, Composition, JobEvent
from luce._home import home
from luce.cli.output import say
from luce.cli.servers import server
from luce.server.local import state

SECONDS = 30.0
STORY = "The harbour slept under snow. An old man waited for a ship that never came, and the sea said nothing."

Write = Callable[[Callable[[JobEvent], object], int], Awaitable[Composition]]


def picture() -> bytes:
    """A sunset over the sea, 640 x 480, drawn here."""
    rows = np.linspace(0.0, 1.0, 480)[:, np.newaxis, np.newaxis]
    sky = (1 - rows) * np.array([70, 60, 120]) + rows * np.array([250, 160, 80])
    sea = np.array([30, 50, 90]) + 40 * np.sin(60 * rows)
    pixels = np.broadcast_to(np.where(rows < 0.6, sky, sea), (480, 640, 3))
    target = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(target, "PNG")
    return target.getvalue()


def processor_s() -> float:
    """Seconds of processor time that the running stack has taken so far; 0 where none runs."""
    record = state.read(home())
    total = 0.0
    for process in record.processes if record is not None and record.alive else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            one = psutil.Process(process.pid)
            for member in (one, *one.children(recursive=True)):
                times = member.cpu_times()
                total += times.user + times.system
    return total


async def once(write: Write, seed: int) -> tuple[float, float, float, dict[str, float]]:
    """Seconds to the first sound and to the finished piece, of processor time, and what each stage took."""
    started, spent = time.monotonic(), processor_s()
    first: list[float] = []

    def hear(event: JobEvent) -> None:
        if isinstance(event, AudioChunk) and not first:
            first.append(time.monotonic() - started)

    composition = await write(hear, seed)
    return first[0], time.monotonic() - started, processor_s() - spent, dict(composition.timings)


async def repeated(write: Write, repeats: int) -> dict[str, Any]:
    """Medians over repeats, one after the other, after one that is not counted."""
    await once(write, 0)
    firsts, walls, spent, stages = zip(*[await once(write, seed) for seed in range(1, repeats + 1)], strict=True)
    names = list(dict.fromkeys(name for stage in stages for name in stage))
    return {
        "first_sound_s": {"median": round(statistics.median(firsts), 3), "max": round(max(firsts), 3)},
        "wall_s": {"median": round(statistics.median(walls), 3), "max": round(max(walls), 3)},
        "processor_s": {"median": round(statistics.median(spent), 2), "max": round(max(spent), 2)},
        "stages_s": {name: round(statistics.median(one.get(name, 0.0) for one in stages), 3) for name in names},
    }


async def measure(repeats: int, candidates: int | None) -> dict[str, Any]:
    """Scores and composes `repeats` times each."""
    image = picture()
    async with server(None, say) as (address, startup_s), AsyncClient(address) as client:
        await client.wait_ready()

        async def score(hear: Callable[[JobEvent], object], seed: int) -> Composition:
            return await client.score(
                image, seconds=SECONDS, seed=seed, candidates=candidates, stream=True, on_event=hear
            )

        async def compose(hear: Callable[[JobEvent], object], seed: int) -> Composition:
            return await client.compose(
                STORY, seconds=SECONDS, seed=seed, candidates=candidates, stream=True, on_event=hear
            )

        return {
            "repeats": repeats,
            "seconds": SECONDS,
            "candidates": candidates or "default",
            "startup_s": round(startup_s, 2),
            "score": await repeated(score, repeats),
            "compose": await repeated(compose, repeats),
        }


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--candidates", type=int, help="of each piece (default: the server's)")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.repeats, given.candidates)), indent=2))


if __name__ == "__main__":
    main()
