"""`luce align`: how well an image and a piece of music fit."""

from __future__ import annotations

import argparse
from typing import Any, Final

from luce._types import Alignment
from luce.cli import exits, values
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_json, say
from luce.cli.servers import server

EXAMPLES: Final = """\
examples:
  luce align photo.jpg song.mp3
  luce align photo.jpg song.mp3 --json | jq .overall
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "align",
        help="how well an image and a piece of music fit, and why",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", metavar="IMAGE", help="jpeg, png or webp")
    parser.add_argument("audio", metavar="AUDIO", help="music; of a MIDI file the emotion alone is compared")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_connection_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Compare, and tell."""
    async with server(arguments.server, say) as (address, _), client_for(arguments, address) as client:
        await client.wait_ready()
        found = await client.align(arguments.image, arguments.audio, timeout=arguments.timeout)
    if arguments.json:
        answer_json({"image": arguments.image, "audio": arguments.audio, **values.alignment(found)})
        return exits.OK
    for line in _lines(arguments.image, arguments.audio, found):
        answer(line)
    return exits.OK


def _lines(image: str, audio: str, found: Alignment) -> list[str]:
    meaning = "unknown" if found.semantic is None else f"{found.semantic:.2f}"
    points = ((image, found.image_emotion), (audio, found.music_emotion))
    width = max(len(image), len(audio))
    return [
        f"fit {found.overall:.2f}  (emotion {found.emotion:.2f}, meaning {meaning})",
        *(
            f"  {name:{width}}  {point.quadrant}  valence {point.valence:+.2f}  arousal {point.arousal:+.2f}"
            for name, point in points
        ),
        *(f"  {reason.text}" for reason in found.reasons),
    ]
