"""`luce feel`: how pieces of music feel."""

from __future__ import annotations

import argparse
from typing import Any, Final

from luce._client import AsyncClient
from luce._types import Feeling
from luce.cli import inputs, values

EXAMPLES: Final = """\
examples:
  luce feel song.ogg
  luce feel *.mp3 --json | jq -r '[.valence, .arousal, .input] | @tsv'
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "feel",
        help="valence and arousal of pieces of music",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inputs.add_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Feel each input, and tell."""

    async def feel(client: AsyncClient, path: str) -> Feeling:
        return await client.feel(path, timeout=arguments.timeout)

    return await inputs.answer_each(arguments, feel, _lines, values.feeling)


def _lines(path: str, felt: Feeling) -> list[str]:
    valence, arousal = felt.uncertainty
    return [
        f"{path}  {felt.emotion.quadrant}  valence {felt.emotion.valence:+.2f} ± {valence:.2f}  "
        f"arousal {felt.emotion.arousal:+.2f} ± {arousal:.2f}"
    ]
