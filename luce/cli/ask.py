"""`luce describe` and `luce embed`: one question, one answer."""

from __future__ import annotations

import argparse
from typing import Any

from luce.cli import exits, values
from luce.cli.connection import add_connection_arguments, client_for, require_file
from luce.cli.output import answer, answer_json, say
from luce.cli.progress import heard
from luce.cli.servers import server


def add_parsers(commands: Any) -> None:
    """Describe the commands."""
    describe: argparse.ArgumentParser = commands.add_parser(
        "describe", help="what a piece of music says of itself", epilog="example: luce describe song.ogg --json"
    )
    describe.add_argument("song", metavar="SONG", help="audio file: wav, flac, mp3, ogg, opus or m4a")
    describe.add_argument("--json", action="store_true", help="print one JSON object, with the emotion over time")
    add_connection_arguments(describe)
    describe.set_defaults(run=run_describe)

    embed: argparse.ArgumentParser = commands.add_parser(
        "embed", help="texts as vectors", epilog='example: luce embed "a calm sea" "a storm" --json'
    )
    embed.add_argument("texts", metavar="TEXT", nargs="+", help="text to embed, up to 64 of them")
    embed.add_argument("--json", action="store_true", help="print one JSON object")
    add_connection_arguments(embed)
    embed.set_defaults(run=run_embed)


async def run_describe(arguments: argparse.Namespace) -> int:
    """Listen, and tell."""
    require_file(arguments.song)
    async with server(arguments.server, say) as (address, _), client_for(arguments, address) as client:
        await client.wait_ready()
        music = await client.describe(arguments.song)
    if arguments.json:
        answer_json({"song": arguments.song, **values.music(music)})
    else:
        answer(music.summary)
        answer(heard(music))
    return exits.OK


async def run_embed(arguments: argparse.Namespace) -> int:
    """Embed, and print the vectors."""
    async with server(arguments.server, say) as (address, _), client_for(arguments, address) as client:
        await client.wait_ready()
        embeddings = await client.embed(arguments.texts)
    if arguments.json:
        answer_json(
            {
                "model": embeddings.model,
                "tokens": embeddings.tokens,
                "embeddings": [
                    {"text": text, "truncated": truncated, "vector": [round(value, 6) for value in vector]}
                    for text, truncated, vector in zip(
                        arguments.texts, embeddings.truncated, embeddings.vectors, strict=True
                    )
                ],
            }
        )
    else:
        for vector in embeddings.vectors:
            answer(" ".join(f"{value:.6f}" for value in vector))
    return exits.OK
