"""What `luce score` and `luce compose` share: their options, their files, what they tell."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from luce._client import AsyncClient
from luce._events import JobEvent
from luce._music_types import ChainStep, Composition, part_of
from luce._requests import MusicOptions
from luce.cli import exits, values
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_json, say, seconds
from luce.cli.progress import make_board
from luce.cli.servers import server
from luce.emotion import Emotion
from luce.errors import InvalidArgument

AUDIO_SUFFIXES: Final = (".wav", ".flac", ".ogg", ".mp3")
_NOTES_SUFFIXES: Final = (".mid", ".midi")

Write = Callable[[AsyncClient, Callable[[JobEvent], object]], Awaitable[Composition]]


def add_music_arguments(parser: argparse.ArgumentParser) -> None:
    """How the music is written, and what is told of it."""
    parser.add_argument("--n", type=int, metavar="COUNT", help="pieces, 1..4 (default: 1); a number is added to names")
    parser.add_argument("--seed", type=int, help="same seed, same music (default: drawn, and told)")
    parser.add_argument(
        "--candidates",
        type=int,
        metavar="COUNT",
        help="write so many of each, 1..12, and keep the one whose notes feel nearest (default: the server's, 8)",
    )
    parser.add_argument("--instruments", metavar="NAMES", help='with commas between, such as "violin,cello,piano"')
    parser.add_argument("--key", help='such as "D minor" (default: by the feeling)')
    parser.add_argument("--metre", metavar="N/M", help="4/4, 3/4 or 6/8 (default: by the feeling)")
    parser.add_argument("--tempo", type=float, metavar="BPM", help="quarter notes a minute, 40..220")
    parser.add_argument(
        "--emotion",
        metavar="V,A",
        help="valence and arousal, each -1..1, instead of what is felt (as --emotion=-.5,.2 where it begins with -)",
    )
    parser.add_argument("--explain", action="store_true", help="tell the chain: what was seen or read, elements, music")
    parser.add_argument("--json", action="store_true", help="print one JSON object; see docs/cli.md")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_connection_arguments(parser)


def music_options(arguments: argparse.Namespace, audio: str | None) -> MusicOptions:
    """The options of a request.

    Args:
        arguments: Of the command line.
        audio: Where the sound goes; its suffix is the format.

    Raises:
        InvalidArgument: Names or an emotion that are none.
    """
    options = MusicOptions(
        seconds=arguments.seconds,
        seed=arguments.seed,
        n=arguments.n,
        candidates=arguments.candidates,
        key=arguments.key,
        time_signature=arguments.metre,
        tempo_bpm=arguments.tempo,
        audio_format=Path(audio).suffix.lower().removeprefix(".") if audio else None,
    )
    if arguments.instruments:
        options["instruments"] = [name.strip() for name in arguments.instruments.split(",") if name.strip()]
    if arguments.emotion:
        options["emotion"] = _emotion(arguments.emotion)
    return options


def _emotion(text: str) -> Emotion:
    limit = "V,A: two numbers in -1..1"
    try:
        valence, arousal = (float(part) for part in text.split(","))
        return Emotion(valence, arousal)
    except ValueError as error:
        raise InvalidArgument(f"emotion: {text!r} is not {limit}", field="emotion", limit=limit) from error


def check_suffix(field: str, path: str | None, suffixes: Sequence[str]) -> None:
    """Raises `InvalidArgument` where a file has another suffix than these."""
    if path is not None and Path(path).suffix.lower() not in suffixes:
        limit = ", ".join(suffixes)
        raise InvalidArgument(f"{field}: {path} must end with one of {limit}", field=field, limit=limit)


def check_notes(field: str, path: str | None) -> None:
    """Raises `InvalidArgument` where a file for notes does not end like one."""
    check_suffix(field, path, _NOTES_SUFFIXES)


def within(output: str, name: str) -> str:
    """The path of a file: `output` itself, or `name` in the folder that it names."""
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    return str(Path(output) / name) if folder else output


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written, and where it goes.

    Attributes:
        name: For people.
        source: As the user gave it.
        targets: Files of the first piece, by what goes into them.
    """

    name: str
    source: str
    targets: tuple[str, ...]


async def run(arguments: argparse.Namespace, order: Order, write: Write) -> int:
    """Have music written, write its files, and tell."""
    quiet = arguments.quiet

    def tell(line: str) -> None:
        if not quiet:
            say(line)

    async with server(arguments.server, tell) as (address, started_s):
        async with client_for(arguments, address) as client:
            await client.wait_ready()
            began = time.monotonic()
            with make_board(quiet=quiet) as board:
                board.begin(order.name)
                try:
                    composition = await write(client, lambda event: board.show(order.name, event))
                except BaseException:
                    board.end(order.name, "failed")
                    raise
                board.end(order.name, f"done in {seconds(time.monotonic() - began)}")
        files = _save(composition, order.targets)
        told = values.composition(composition, source=order.source, files=files, wall_s=time.monotonic() - began)
        # Before a stack of our own is stopped: nobody waits for that.
        if arguments.json:
            answer_json(told | {"startup_s": round(started_s, 3)})
            return exits.OK
        for file in files:
            answer(file["path"])
        if arguments.explain:
            for line in explained(composition.chain):
                answer(line)
        stages = ", ".join(f"{stage} {seconds(spent)}" for stage, spent in composition.timings.items())
        tell(f"seed {composition.seed}; {stages}")
    return exits.OK


def _save(composition: Composition, targets: Sequence[str]) -> list[dict[str, Any]]:
    """Write the files of every piece; several pieces have their numbers in the names."""
    files = []
    for index, piece in enumerate(composition.pieces):
        for target in targets:
            path = Path(target)
            if len(composition.pieces) > 1:
                path = path.with_name(f"{path.stem}-{index + 1}{path.suffix}")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                piece.save(path)
            except OSError as error:
                raise InvalidArgument(f"output: cannot write {path}: {error.strerror}", field="output") from error
            part = part_of(path)
            files.append({"path": str(path), "piece": index, "part": part, "sha256": piece.files[part].sha256})
    return files


def explained(chain: Sequence[ChainStep]) -> list[str]:
    """The chain in lines."""
    lines = []
    for step in chain:
        lines += ["", f"{step.stage}:", f"  {step.text}"]
        for element in step.elements:
            why = f" ({element.reason})" if element.reason else ""
            lines.append(f"  {element.name:<15}{', '.join(element.values)}{why}")
    return lines
