"""`luce paint`: from songs to pictures."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from luce._client import AsyncClient
from luce._requests import PaintOptions, parse_size
from luce._types import Animation, PaintedImage, Painting, PictureMeasures
from luce.cli import agents, exits, values
from luce.cli.connection import add_connection_arguments, client_for, require_file
from luce.cli.output import answer, answer_json, error_json, say, seconds
from luce.cli.progress import Board, make_board
from luce.cli.servers import server
from luce.errors import InvalidArgument, LuceError

AT_ONCE: Final = 8
EXAMPLES: Final = """\
examples:
  luce paint song.ogg
  luce paint song.ogg -o picture.png --seed 7 --steps 12
  luce paint song.ogg --text "a lighthouse" --n 4 -o lighthouse.png
  luce paint song.ogg --best-of 4
  luce paint song.ogg --frames 12 -o song.mp4
  luce paint a.ogg b.ogg c.ogg -o pictures/ --json

Without a running stack (`luce up`) one is started for this command and stopped after it.
Ctrl-C cancels the jobs.
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "paint",
        help="paint pictures to music, to words, or to both",
        description="Paint pictures whose mood follows the music.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("songs", metavar="SONG", nargs="*", help="audio file: wav, flac, mp3, ogg, opus or m4a")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="picture to write (png), with --frames animation (mp4 or gif), or a folder (ends with /; needed for "
        "several songs). With --n above 1 a number is added. Default: the song's name with .png or .mp4, here",
    )
    parser.add_argument("--text", default="", help="your own words: the concept, which the music colours")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what the picture should not show")
    parser.add_argument("--n", type=int, default=1, metavar="COUNT", help="pictures a song, 1..8 (default: 1)")
    parser.add_argument(
        "--best-of", type=int, metavar="COUNT", help="paint so many for each picture, keep the best, 1..8"
    )
    parser.add_argument(
        "--frames",
        type=int,
        metavar="COUNT",
        help="paint so many key pictures along the music, 2..64, and join them to an animation as long as it",
    )
    parser.add_argument("--seed", type=int, help="same seed, same picture (default: drawn, and told)")
    parser.add_argument("--steps", type=int, help="denoising steps, 1..100 (default: the server's)")
    parser.add_argument("--guidance", type=float, metavar="SCALE", help="guidance scale, 0..15; 1 is none")
    parser.add_argument("--size", metavar="WxH", help="pixels, 192..512, multiples of 32 (default: the server's)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; see docs/cli.md")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    agents.add_arguments(parser)
    add_connection_arguments(parser)
    parser.set_defaults(run=run)


@dataclass(slots=True)
class _Order:
    """One painting to be made."""

    name: str
    song: str | None
    targets: list[Path]
    files: list[str] = field(default_factory=list)
    painting: Painting | None = None
    error: LuceError | None = None
    wall_s: float = 0.0


def targets(song: str | None, output: str | None, count: int, *, many: bool, suffix: str = ".png") -> list[Path]:
    """Where the pictures of one song go.

    Args:
        song: As given; None: only words were.
        output: As given; None: the song's name, here.
        count: How many files.
        many: Whether there are several songs.
        suffix: Of a file that is not named.

    Raises:
        InvalidArgument: Several songs and one file.
    """
    stem = Path(song).stem if song else "picture"
    if output is None:
        path = Path(f"{stem}{suffix}")
    elif output.endswith(("/", os.sep)) or Path(output).is_dir():
        path = Path(output) / f"{stem}{suffix}"
    elif many:
        raise InvalidArgument("output: several songs need a folder: end it with /", field="output")
    else:
        path = Path(output)
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{index + 1}{path.suffix or '.png'}") for index in range(count)]


def _orders(arguments: argparse.Namespace) -> list[_Order]:
    songs: list[str | None] = list(arguments.songs) or [None]
    if songs == [None] and not arguments.text:
        raise InvalidArgument("SONG: give a song, --text, or both", field="SONG")
    for song in arguments.songs:
        require_file(song)
    if arguments.size:
        parse_size(arguments.size)
    if arguments.frames is not None:
        _animation_format(arguments.output)
    many = len(songs) > 1
    suffix = ".png" if arguments.frames is None else ".mp4"
    orders = [
        _Order(
            name=Path(song).name if song else "picture",
            song=song,
            targets=targets(song, arguments.output, max(arguments.n, 1), many=many, suffix=suffix),
        )
        for song in songs
    ]
    paths = [path for order in orders for path in order.targets]
    if len(set(paths)) != len(paths):
        raise InvalidArgument("SONG: two songs have the same name; their pictures would overwrite each other")
    return orders


def _options(arguments: argparse.Namespace) -> PaintOptions:
    chosen = agents.options(arguments)
    options = PaintOptions(
        n=arguments.n,
        seed=arguments.seed,
        steps=arguments.steps,
        guidance_scale=arguments.guidance,
        size=arguments.size,
        negative_prompt=arguments.negative,
        best_of=arguments.best_of,
        frames=arguments.frames,
        without=chosen["without"],
        baseline=chosen["baseline"],
        mind=chosen["mind"],
        explain=chosen["explain"],
    )
    if arguments.frames is not None:
        options["animation_format"] = _animation_format(arguments.output)
    return options


def _animation_format(output: str | None) -> str:
    """The format that the output's name asks for; mp4 where it names a folder or nothing."""
    folder = output is None or output.endswith(("/", os.sep)) or Path(output).is_dir()
    suffix = "" if folder or output is None else Path(output).suffix.lower()
    if suffix not in ("", ".mp4", ".gif"):
        raise InvalidArgument(f"output: an animation is mp4 or gif, not {suffix}", field="output", limit="mp4 or gif")
    return "gif" if suffix == ".gif" else "mp4"


async def run(arguments: argparse.Namespace) -> int:
    """Paint, write the files, and tell."""
    orders = _orders(arguments)
    quiet = arguments.quiet

    def tell(line: str) -> None:
        if not quiet:
            say(line)

    async with server(arguments.server, tell) as (address, started_s):
        async with client_for(arguments, address) as client:
            await client.wait_ready()
            await _paint_all(client, orders, arguments)
        # Before a stack of our own is stopped: nobody waits for that.
        _tell_results(orders, started_s, arguments)
    return max((exits.code_for(order.error) for order in orders if order.error is not None), default=exits.OK)


async def _paint_all(client: AsyncClient, orders: list[_Order], arguments: argparse.Namespace) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    with make_board(quiet=arguments.quiet) as board:
        async with asyncio.TaskGroup() as group:
            for order in orders:
                group.create_task(_paint(client, order, arguments, board, slots))


async def _paint(
    client: AsyncClient, order: _Order, arguments: argparse.Namespace, board: Board, slots: asyncio.Semaphore
) -> None:
    async with slots:
        started = time.monotonic()
        board.begin(order.name)
        try:
            order.painting = await client.paint(
                order.song,
                arguments.text,
                timeout=arguments.timeout,
                on_event=lambda event: board.show(order.name, event),
                **_options(arguments),
            )
            made: Sequence[PaintedImage | Animation] = order.painting.images
            if order.painting.animation is not None:
                made = [order.painting.animation]
            for path, image in zip(order.targets, made, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                order.files.append(str(image.save(path)))
        except LuceError as error:
            order.error = error
        except OSError as error:
            order.error = InvalidArgument(f"output: cannot write {error.filename}: {error.strerror}", field="output")
        order.wall_s = time.monotonic() - started
        board.end(order.name, "failed" if order.error else f"done in {seconds(order.wall_s)}")


def _tell_results(orders: list[_Order], started_s: float, arguments: argparse.Namespace) -> None:
    if arguments.json:
        results = [_result(order, started_s) for order in orders]
        answer_json(results[0] if len(results) == 1 else {"paintings": results})
        return
    for order in orders:
        _tell_result(order, quiet=arguments.quiet)


def _result(order: _Order, started_s: float) -> dict[str, Any]:
    if order.painting is None or order.error is not None:
        return {"song": order.song, "error": None if order.error is None else error_json(order.error)}
    told = values.painting(order.painting, song=order.song, files=order.files, wall_s=order.wall_s)
    return told | {"startup_s": round(started_s, 3)}


def _tell_result(order: _Order, *, quiet: bool) -> None:
    if order.painting is None or order.error is not None:
        say(f"luce: {order.name}: {order.error}")
        return
    for path in order.files:
        answer(path)
    if order.painting.report is not None:
        for line in agents.lines(order.painting.report):
            say(line)
    if not quiet:
        for number, image in enumerate(order.painting.images, start=1):
            if image.measures is not None:
                say(f"picture {number} {_fit(image.measures)}")
        stages = ", ".join(f"{stage} {seconds(spent)}" for stage, spent in order.painting.timings.items())
        say(f"seed {order.painting.seed}; {stages}")


def _fit(measures: PictureMeasures) -> str:
    """How a picture feels and fits, in a line."""
    parts = [f"feels valence {measures.emotion.valence:+.2f}, arousal {measures.emotion.arousal:+.2f}"]
    if measures.va_similarity is not None:
        parts.append(f"{measures.va_similarity:.2f} like the music")
    parts.append(f"{measures.text_similarity:.2f} like its words")
    return "; ".join(parts)
