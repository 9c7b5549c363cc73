"""The command `luce`: its arguments, its signals, its exit codes."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

from luce._version import __version__
from luce.cli import exits
from luce.cli.output import answer_json, error_json, say
from luce.errors import LuceError

EPILOG: Final = """\
examples:
  luce paint song.ogg -o picture.png     paint a song; starts a stack for it where none runs
  luce imagine song.ogg --explain        the prompts alone, and how the agents came to them
  luce score photo.jpg -o music.wav      music for a picture or a video
  luce compose "a story" -o piece.mid    music for words
  luce up --detach                       start the stack, and keep it warm
  luce describe song.ogg --plot song.png what a piece of music says of itself, drawn
  luce feel *.mp3 --json                 valence and arousal, one JSON object a line
  luce align photo.jpg song.ogg          how well a picture and a piece of music fit, and why
  luce down                              stop the stack

exit codes:
  0 done   1 failed   2 wrong usage   3 server unavailable   4 bad input   130 interrupted   143 terminated
"""


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from luce.cli import align, compose, describe, embed, feel, imagine, jobs, paint, score, stack

    parser = argparse.ArgumentParser(
        prog="luce",
        description="Pictures from music, music from pictures, videos and words.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"luce {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    paint.add_parser(commands)
    imagine.add_parser(commands)
    score.add_parser(commands)
    compose.add_parser(commands)
    describe.add_parser(commands)
    feel.add_parser(commands)
    embed.add_parser(commands)
    align.add_parser(commands)
    jobs.add_parser(commands)
    stack.add_parsers(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = make_parser().parse_args(argv)
    terminated = False

    async def run() -> int:
        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        # A command is stopped by SIGTERM as by Ctrl-C: its jobs are cancelled, its stack drains.
        task: asyncio.Task[int] = asyncio.ensure_future(arguments.run(arguments))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await task

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        say("interrupted")
        return exits.INTERRUPTED
    except asyncio.CancelledError:
        return exits.TERMINATED if terminated else exits.FAILED
    except LuceError as error:
        if getattr(arguments, "json", False):
            answer_json({"error": error_json(error)})
        say(f"luce: {error}")
        return exits.code_for(error)


if __name__ == "__main__":
    sys.exit(main())
