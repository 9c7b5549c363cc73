"""Reproduce MESA-MIG's Table 1 with the running system: `python -m training.evaluate.paint --data FOLDER`.

FOLDER holds `emotify` and `vgmidi`; without it the songs of the examples are taken, to see that everything works. A
stack is started for it unless one runs (`LUCE_SERVER`). Rows are kept in `--rows`: run it again to go on.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from luce import AsyncClient, Timeout
from luce.cli.output import say
from luce.cli.servers import server
from luce.emotion import Emotion
from training.evaluate.paint_clips import SECONDS, held_out, songs
from training.evaluate.paint_run import BEST, CONDITIONS, ROOT, Rows, fingerprint, run
from training.evaluate.paint_table import opposite_pairs, table

RUNS = ROOT / "training" / "runs" / "evaluate_paint"


async def evaluate(arguments: argparse.Namespace) -> None:
    """Paint what is missing, and print the table."""
    source = "songs" if arguments.data is None else "held_out"
    way = ("" if arguments.seconds == SECONDS else f"-{arguments.seconds:g}s") + ("-brief" if arguments.brief else "")
    path = arguments.rows or RUNS / f"{fingerprint()}-{source}{way}.jsonl"
    rows = Rows(path)
    painted = {*CONDITIONS, BEST} if arguments.paint is None else {name.strip() for name in arguments.paint.split(",")}
    unknown = painted - {*CONDITIONS, BEST}
    if unknown:
        raise SystemExit(f"--paint: {', '.join(sorted(unknown))} is none of {', '.join((*CONDITIONS, BEST))}")
    count, seconds = arguments.clips, arguments.seconds
    chosen = opposites if arguments.opposites else None
    clips = songs(count, seconds) if arguments.data is None else held_out(arguments.data, count, seconds, chosen)
    if not arguments.table_only:
        async with (
            server(None, say) as (address, _),
            AsyncClient(address, timeout=Timeout(call=300, job=600)) as client,
        ):
            await client.wait_ready()
            await run(
                client,
                clips,
                rows,
                painted=painted,
                pictures=arguments.pictures,
                steps=arguments.steps,
                at_once=arguments.at_once,
                brief=arguments.brief,
            )
    kept = list(rows)
    if not kept:
        raise SystemExit(f"{path}: no rows yet")
    table(kept)


def opposites(felt: list[Emotion]) -> set[int]:
    """The places of the pieces that the check of opposite quadrants is about."""
    return {place for pair in opposite_pairs(felt) for place in pair}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with emotify and vgmidi; left out: the songs of the examples")
    parser.add_argument("--clips", type=int, help="so many clips, a fair sample (default: all)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a clip (default: 10)")
    parser.add_argument("--opposites", action="store_true", help="only the clips of the pairs of opposite quadrants")
    parser.add_argument("--pictures", type=int, default=10**6, help="paint for so many of the clips (default: all)")
    parser.add_argument("--paint", help="conditions to paint under, with commas between (default: all)")
    parser.add_argument("--steps", type=int, default=12, help="denoising steps (default: 12)")
    parser.add_argument("--at-once", type=int, default=4, help="clips in flight (default: 4)")
    parser.add_argument("--brief", action="store_true", help="measure and feel the music, without captions: faster")
    parser.add_argument("--rows", type=Path, help="file of the rows (default: named by models and agents)")
    parser.add_argument("--table-only", action="store_true", help="print the table of the rows that are there")
    asyncio.run(evaluate(parser.parse_args()))


if __name__ == "__main__":
    main()
