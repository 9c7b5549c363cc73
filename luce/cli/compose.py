"""`luce compose`: words into music."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from luce._client import AsyncClient
from luce._music_types import Composition
from luce.cli import music
from luce.cli.connection import require_file
from luce.errors import InvalidArgument, PayloadTooLarge

MOST_BYTES: Final = 1024 * 1024
"""Of a file of words; far more than the server reads."""

DEFAULT_VARIATION: Final = 0.75
"""Share of the bars that `--vary` writes anew."""

_LONGEST_NAME: Final = 255
EXAMPLES: Final = """\
examples:
  luce compose "The harbour slept under snow." -o harbour.mid
  luce compose story.txt -o story.mid --audio story.ogg --seconds 60 --explain
  fortune | luce compose - -o fortune.mid
  luce compose --continue theme.mid -o theme-2.mid
  luce compose --vary theme.mid --variation .5 --key "A minor" -o theme-sad.mid

Without a running stack (`luce up`) one is started for this command and stopped after it.
Ctrl-C cancels the job.
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compose",
        help="music for a story, as MIDI and as sound",
        description="Write music that feels like what is read.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", help="words, a file of them, or - for standard input")
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--continue",
        dest="midi",
        metavar="PATH",
        help="go on from a MIDI file, in its metre, its key and its tempo unless told otherwise; TEXT may be omitted",
    )
    given.add_argument("--vary", metavar="PATH", help="vary a MIDI file, likewise; as long as it is, unless told")
    parser.add_argument(
        "--variation",
        type=float,
        metavar="SHARE",
        help=f"with --vary: share of the bars that are written anew, .05..1 (default: {DEFAULT_VARIATION:g})",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="notes to write (mid), or a folder (ends with /). Default: the file's name with .mid, or piece.mid",
    )
    parser.add_argument("--audio", metavar="PATH", help="write the sound as well: wav, flac, ogg or mp3")
    parser.add_argument("--roll", metavar="PATH", help="write a picture of the notes as well (png)")
    parser.add_argument("--seconds", type=float, help="length, 5..180 (default: 30; with --vary, its own)")
    music.add_music_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Compose, write the files, and tell."""
    source = arguments.midi or arguments.vary
    if arguments.text is None and source is None:
        raise InvalidArgument("TEXT: give words, --continue or --vary a MIDI file, or both", field="TEXT")
    if source is not None:
        require_file(source, "vary" if arguments.vary else "continue")
    if arguments.variation is not None and not arguments.vary:
        raise InvalidArgument("variation: --variation goes with --vary", field="variation")
    variation = (DEFAULT_VARIATION if arguments.variation is None else arguments.variation) if arguments.vary else None
    text, stem = ("", "piece") if arguments.text is None else read_words(arguments.text)
    midi = music.within(arguments.output or f"{stem}.mid", f"{stem}.mid")
    music.check_notes("output", midi)
    music.check_suffix("audio", arguments.audio, music.AUDIO_SUFFIXES)
    music.check_suffix("roll", arguments.roll, (".png",))
    options = music.music_options(arguments, arguments.audio)

    async def write(client: AsyncClient, show: Any) -> Composition:
        return await client.compose(
            text, midi=source, variation=variation, timeout=arguments.timeout, on_event=show, **options
        )

    targets = tuple(path for path in (midi, arguments.audio, arguments.roll) if path is not None)
    return await music.run(arguments, music.Order(stem, arguments.text or source, targets), write)


def read_words(given: str) -> tuple[str, str]:
    """The words of an argument, and a name for what is made of them.

    Raises:
        InvalidArgument: A file that is not UTF-8, or cannot be read.
        PayloadTooLarge: A file of more than a mebibyte.
    """
    if given == "-":
        return _decoded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input"), "piece"
    if len(given.encode(errors="replace")) > _LONGEST_NAME or "\0" in given or not Path(given).is_file():
        return given, "piece"
    try:
        with Path(given).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidArgument(f"TEXT: cannot read {given}: {error.strerror}", field="TEXT") from error
    return _decoded(data, given), Path(given).stem


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MOST_BYTES:
        limit = f"{MOST_BYTES} bytes"
        raise PayloadTooLarge(f"TEXT: {name} has more than {limit}", field="TEXT", limit=limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"TEXT: {name} is no text (UTF-8)", field="TEXT", limit="UTF-8") from error
