"""`make demo`: four songs, one from each quadrant of feeling, become pictures; `demo/` holds them and a page of all."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from examples.sheet import draw
from luce import AsyncClient, Painting
from luce.cli.output import say, seconds
from luce.cli.progress import Board, make_board
from luce.cli.servers import server
from luce.errors import LuceError

SONGS: Final = {
    "Ode to Joy": "ode_to_joy.ogg",
    "Mountain King": "mountain_king.ogg",
    "Moonlight": "moonlight.ogg",
    "Prelude in C": "prelude_in_c.ogg",
}


async def _paint(client: AsyncClient, title: str, song: Path, seed: int, board: Board) -> Painting:
    started = time.monotonic()
    board.begin(title)
    painting = await client.paint(song, seed=seed, on_event=lambda event: board.show(title, event))
    board.end(title, f"done in {seconds(time.monotonic() - started)}")
    return painting


async def demonstrate(folder: Path, songs: dict[str, Path], seed: int) -> Path:
    """Paints every song and draws the page.

    Args:
        folder: Where pictures and page go; made where it is missing.
        songs: Title to audio file.
        seed: Seed of every picture.

    Returns:
        The page.
    """
    async with server(None, say) as (address, _), AsyncClient(address) as client:
        await client.wait_ready()
        with make_board(quiet=False) as board:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    title: group.create_task(_paint(client, title, song, seed, board)) for title, song in songs.items()
                }
    paintings = {title: task.result() for title, task in tasks.items()}
    return await asyncio.to_thread(_write, folder, songs, paintings)


def _write(folder: Path, songs: dict[str, Path], paintings: dict[str, Painting]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for title, painting in paintings.items():
        say(f"{title}: {painting.prompts[0]}")
        print(painting.images[0].save(folder / songs[title].with_suffix(".png").name))
    page = folder / "page.png"
    draw(list(paintings.items()), page)
    return page


def main() -> int:
    """Runs the demonstration; songs of your own may be named."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("songs", nargs="*", type=Path, help="songs of your own instead of the four")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the pictures (default: demo)")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    here = Path(__file__).parent / "songs"
    songs = {song.stem: song for song in arguments.songs} or {title: here / name for title, name in SONGS.items()}
    failed = False
    try:
        print(asyncio.run(demonstrate(arguments.output, songs, arguments.seed)))
    except* LuceError as group:
        failed = True
        for error in group.exceptions:
            say(f"demo: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
