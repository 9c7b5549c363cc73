"""`luce imagine`: from music to prompts, without painting them."""

from __future__ import annotations

import argparse
from typing import Any, Final

from luce._client import AsyncClient
from luce._types import Imagined
from luce.cli import agents, inputs, values

EXAMPLES: Final = """\
examples:
  luce imagine song.ogg
  luce imagine song.ogg --n 8 --seed 7 --explain
  luce imagine song.ogg --text "a lighthouse" --without colour
  luce imagine *.mp3 --json | jq -r '.prompts[].text'
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "imagine",
        help="prompts for pictures to pieces of music",
        description="What the agents would have painted: prompts whose mood follows the music.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inputs.add_arguments(parser)
    parser.add_argument("--text", default="", help="your own words: the concept, which the music colours")
    parser.add_argument("--n", type=int, default=4, metavar="COUNT", help="prompts a song, 1..8 (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same prompts (default: 0)")
    agents.add_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Imagine for each input, and tell."""

    async def imagine(client: AsyncClient, path: str) -> Imagined:
        return await client.imagine(
            path,
            arguments.text,
            n=arguments.n,
            seed=arguments.seed,
            timeout=arguments.timeout,
            **agents.options(arguments),
        )

    return await inputs.answer_each(arguments, imagine, _lines, values.imagined)


def _lines(path: str, imagined: Imagined) -> list[str]:
    told = [path, *(f"  {prompt.text}" for prompt in imagined.prompts)]
    if imagined.report is not None:
        told += ["  --", *agents.lines(imagined.report)]
    return told
