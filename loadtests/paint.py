"""Measures `paint` on a warm stack.

The wall time of one 30-second song into one picture, the share of each stage, and what four pictures in flight cost
against one.

python -m loadtests.paint --repeats 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

from luce import AsyncClient
from luce.cli.output import say
from luce.cli.servers import server

SONG = Path(__file__).parents[1] / "examples" / "songs" / "ode_to_joy.ogg"


async def measure(repeats: int) -> dict[str, object]:
    """Paints `repeats` times, one after the other, and answers medians in seconds."""
    walls, stages, together = [], [], []
    async with server(None, say) as (address, startup_s), AsyncClient(address) as client:
        await client.wait_ready()
        await client.paint(SONG, seed=0, size="256x256")
        for seed in range(1, repeats + 1):
            started = time.monotonic()
            painting = await client.paint(SONG, seed=seed, size="256x256")
            walls.append(time.monotonic() - started)
            stages.append(dict(painting.timings))
            # In turns, so that other load falls on both.
            together.append((await client.paint(SONG, seed=seed, size="256x256", n=4)).timings["paint"])
    names = list(dict.fromkeys(name for stage in stages for name in stage))
    medians = {name: statistics.median(stage.get(name, 0.0) for stage in stages) for name in names}
    wall = statistics.median(walls)
    return {
        "repeats": repeats,
        "startup_s": round(startup_s, 2),
        "wall_s": {"median": round(wall, 3), "max": round(max(walls), 3)},
        "stages_s": {name: round(value, 3) for name, value in medians.items()},
        "four_pictures_cost": round(statistics.median(together) / medians["paint"], 2),
        "share": {name: round(value / wall, 3) for name, value in medians.items()},
    }


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    print(json.dumps(asyncio.run(measure(parser.parse_args().repeats)), indent=2))


if __name__ == "__main__":
    main()
