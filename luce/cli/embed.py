"""`luce embed`: texts as vectors."""

from __future__ import annotations

import argparse
from typing import Any

from luce.cli import exits
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_json, say
from luce.cli.servers import server


def add_parser(commands: Any) -> None:
    """Describe the command."""
    embed: argparse.ArgumentParser = commands.add_parser(
        "embed", help="texts as vectors", epilog='example: luce embed "a calm sea" "a storm" --json'
    )
    embed.add_argument("texts", metavar="TEXT", nargs="+", help="text to embed, up to 64 of them")
    embed.add_argument("--json", action="store_true", help="print one JSON object")
    add_connection_arguments(embed)
    embed.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
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
