"""`luce score`: a picture or a video into music."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from luce._client import AsyncClient
from luce._music_types import Composition
from luce.cli import music
from luce.cli.connection import require_file

EXAMPLES: Final = """\
examples:
  luce score photo.jpg -o music.wav
  luce score photo.jpg -o music.ogg --midi music.mid --seconds 45 --instruments piano,cello --explain
  luce score clip.mp4 -o music.wav --mux scored.mp4 --accents

Without a running stack (`luce up`) one is started for this command and stopped after it.
Ctrl-C cancels the job.
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "score",
        help="music for a picture or a video",
        description="Write music that fits what is seen; that of a video follows it and ends with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("media", metavar="MEDIA", help="picture (jpeg, png, webp) or video (mp4, mov, webm, mkv)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="sound to write: wav, flac, ogg or mp3, or a folder (ends with /). Default: the picture's name with .wav",
    )
    parser.add_argument("--midi", metavar="PATH", help="write the notes as well (mid)")
    parser.add_argument("--roll", metavar="PATH", help="write a picture of the notes as well (png)")
    parser.add_argument("--mux", metavar="PATH", help="of a video: write it with its music as well (mp4)")
    parser.add_argument("--accents", action="store_true", help="of a video: stress the notes at its cuts")
    parser.add_argument("--seconds", type=float, help="length for a picture, 5..180 (default: 30)")
    music.add_music_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Score, write the files, and tell."""
    require_file(arguments.media, "MEDIA")
    stem = Path(arguments.media).stem
    audio = music.within(arguments.output or f"{stem}.wav", f"{stem}.wav")
    music.check_suffix("output", audio, music.AUDIO_SUFFIXES)
    music.check_notes("midi", arguments.midi)
    music.check_suffix("roll", arguments.roll, (".png",))
    music.check_suffix("mux", arguments.mux, (".mp4",))
    options = music.music_options(arguments, audio)

    async def write(client: AsyncClient, show: Any) -> Composition:
        return await client.score(
            arguments.media,
            accents=arguments.accents,
            mux=arguments.mux is not None,
            timeout=arguments.timeout,
            on_event=show,
            **options,
        )

    targets = tuple(path for path in (audio, arguments.midi, arguments.roll, arguments.mux) if path is not None)
    return await music.run(arguments, music.Order(Path(arguments.media).name, arguments.media, targets), write)
