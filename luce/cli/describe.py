"""`luce describe`: what pieces of music say of themselves."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from luce._client import AsyncClient
from luce._types import Descriptor, MusicDescription
from luce.cli import inputs, values
from luce.errors import FailedPrecondition, InvalidArgument

EXAMPLES: Final = """\
examples:
  luce describe song.ogg
  luce describe song.ogg --plot song.png
  luce describe *.mp3 --json --plot plots/
  luce describe *.mp3 --json | jq -r '[.input, .caption] | @tsv'
"""
WIDTH: Final = 100
"""Characters of a line of the words."""

_PLOT_SUFFIXES: Final = (".png", ".pdf", ".svg")
_PLOT_NEEDS: Final = ("matplotlib", "numpy", "av", "mido", "pydantic_settings", "scipy")


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "describe",
        help="what pieces of music say of themselves",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inputs.add_arguments(parser)
    parser.add_argument(
        "--plot",
        metavar="PATH",
        help="draw it: the emotion's path, its curve over time, the spectrogram with the beats. A file (png, pdf or "
        "svg), or a folder (ends with /; needed for several files)",
    )
    parser.add_argument(
        "--brief", action="store_true", help="only what is measured and felt: no tags, captions and texts; quicker"
    )
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Describe each input, draw it where asked, and tell."""
    plots = _plots(arguments.inputs, arguments.plot) if arguments.plot else {}
    # Pictures are drawn one at a time: the library is not made for threads, and the memory is one song's.
    drawing = asyncio.Lock()

    async def describe(client: AsyncClient, path: str) -> MusicDescription:
        music = await client.describe(path, brief=arguments.brief, timeout=arguments.timeout)
        if path in plots:
            from luce.cli.plot import plot

            async with drawing:
                await asyncio.to_thread(plot, music, Path(path), plots[path])
        return music

    def lines(path: str, music: MusicDescription) -> list[str]:
        drawn = [f"  {'drawn':<12}{plots[path]}"] if path in plots else []
        return [path, *_lines(music), *drawn]

    return await inputs.answer_each(arguments, describe, lines, values.music)


def _plots(songs: Sequence[str], target: str) -> dict[str, Path]:
    """Where the picture of each song goes.

    Raises:
        FailedPrecondition: What draws is not installed.
        InvalidArgument: It is no picture, or one file for several songs.
    """
    missing = [name for name in _PLOT_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise FailedPrecondition(f"--plot needs {' and '.join(missing)}: pip install 'luce[local]'", field="plot")
    distinct = list(dict.fromkeys(songs))
    if target.endswith(("/", os.sep)) or Path(target).is_dir():
        plots = {song: Path(target) / f"{Path(song).stem}.png" for song in distinct}
        if len(set(plots.values())) < len(plots):
            raise InvalidArgument("plot: two songs have the same name; their pictures would overwrite each other")
        return plots
    if len(distinct) > 1:
        raise InvalidArgument("plot: several songs need a folder: end it with /", field="plot")
    if Path(target).suffix.lower() not in _PLOT_SUFFIXES:
        limit = ", ".join(_PLOT_SUFFIXES)
        raise InvalidArgument(f"plot: {target} must end with one of {limit}", field="plot", limit=limit)
    return {distinct[0]: Path(target)}


def _lines(music: MusicDescription) -> list[str]:
    """What was heard, a line for each thing that is known; the caption, and the parts where they differ."""
    heard = {tag.name: tag.confidence for tag in music.tags}
    facts = {
        "tempo": _likely(f"{music.tempo_bpm:.0f} bpm" if music.tempo_bpm else None, music.tempo_confidence)
        + _alternatives([f"{bpm:.0f}" for bpm in music.tempo_alternatives]),
        "metre": _likely(music.time_signature, music.time_signature_confidence),
        "key": _likely(music.key, music.key_confidence) + _alternatives(music.key_alternatives),
    }
    for descriptor in music.descriptors:
        if descriptor.dimension in ("instruments", "style", "mood"):
            facts[descriptor.dimension] = _values(descriptor, heard)
    lines = [_wrapped(music.caption, "  ")] if music.caption else []
    lines += [_wrapped(music.summary, "  ")]
    lines += [f"  {name:<12}{fact}" for name, fact in facts.items()]
    return [*lines, *_parts(music)]


def _values(descriptor: Descriptor, heard: Mapping[str, float]) -> str:
    """The values, each with its own probability where there is one, else the first one's confidence."""
    if not descriptor.values:
        return "unknown"
    if all(value in heard for value in descriptor.values):
        return ", ".join(f"{value} ({heard[value]:.0%})" for value in descriptor.values)
    return _likely(", ".join(descriptor.values), descriptor.confidence)


def _parts(music: MusicDescription) -> list[str]:
    """A line for each stretch whose words are not those of the one before; none for a piece of one stretch."""
    lines, before = list[str](), None
    for part in music.parts:
        if part.caption and part.caption != before:
            lines.append(f"  {_clock(part.start_s):<12}{part.caption}")
        before = part.caption
    return lines if len(music.parts) > 1 else []


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _likely(value: str | None, confidence: float) -> str:
    return f"{value} ({confidence:.0%} sure)" if value else "not clear"


def _alternatives(values: Sequence[str]) -> str:
    return f"; or {', '.join(values)}" if values else ""
