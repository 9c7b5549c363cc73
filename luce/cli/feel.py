"""`luce feel`: how images, pieces of music and texts feel."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from luce._client import AsyncClient
from luce._types import Feeling
from luce.cli import inputs, values
from luce.cli.connection import add_connection_arguments
from luce.errors import InvalidArgument

EXAMPLES: Final = """\
examples:
  luce feel song.ogg photo.jpg
  luce feel *.mp3 --json | jq -r '[.valence, .arousal, .input] | @tsv'
  luce feel --text "the last train left without us"
  luce feel --text - --json < sentences.txt
"""
MOST_TEXTS: Final = 10_000
"""Lines of standard input that are taken."""
_SHOWN: Final = 60


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "feel",
        help="valence and arousal of images, pieces of music and texts",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", metavar="FILE", nargs="*", help=f"music ({inputs.FORMATS}) or image")
    parser.add_argument("--text", metavar="TEXT", help="feel this text instead; - takes one a line from standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each input, in order")
    add_connection_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Feel each input, and tell."""
    if bool(arguments.inputs) == (arguments.text is not None):
        raise InvalidArgument("give files or --text", field="FILE", limit="one of them")

    async def feel(client: AsyncClient, path: str) -> Feeling:
        return await client.feel(path, timeout=arguments.timeout)

    async def read(client: AsyncClient, text: str) -> Feeling:
        return await client.feel(text=text, timeout=arguments.timeout)

    if arguments.text is None:
        return await inputs.answer_each(arguments, feel, _lines, values.feeling)
    texts = _lines_of_input() if arguments.text == "-" else [arguments.text]
    return await inputs.answer_each(arguments, read, _lines, values.feeling, texts=texts)


def _lines_of_input() -> list[str]:
    """Texts of standard input, one a line; bytes that are no UTF-8 become the replacement character."""
    texts: list[str] = []
    for line in sys.stdin.buffer:
        if len(texts) == MOST_TEXTS:
            limit = f"{MOST_TEXTS} lines"
            raise InvalidArgument(f"standard input has more than {limit}", field="--text", limit=limit)
        texts.append(line.decode("utf-8", "replace").rstrip("\r\n"))
    return texts


def _lines(name: str, felt: Feeling) -> list[str]:
    valence, arousal = felt.uncertainty
    shown = name if felt.medium != "text" or len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
    return [
        f"{shown}  {felt.emotion.quadrant}  valence {felt.emotion.valence:+.2f} ± {valence:.2f}  "
        f"arousal {felt.emotion.arousal:+.2f} ± {arousal:.2f}",
        *(f"  {note}" for note in felt.notes),
    ]
