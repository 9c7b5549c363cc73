"""`luce embed`: texts, images and recordings as vectors of one space."""

from __future__ import annotations

import argparse
from typing import Any

from luce.cli import exits
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_json, say
from luce.cli.servers import server
from luce.errors import InvalidArgument


def add_parser(commands: Any) -> None:
    """Describe the command."""
    embed: argparse.ArgumentParser = commands.add_parser(
        "embed",
        help="texts, images and recordings as vectors",
        epilog='example: luce embed "a calm sea" "a storm" --media photo.jpg song.mp3 --json',
    )
    embed.add_argument("texts", metavar="TEXT", nargs="*", help="text to embed, up to 64 of them")
    embed.add_argument(
        "--media", metavar="FILE", nargs="+", default=[], help="images and recordings to embed, up to 16 of them"
    )
    embed.add_argument("--json", action="store_true", help="print one JSON object")
    add_connection_arguments(embed)
    embed.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Embed, and print the vectors."""
    if not arguments.texts and not arguments.media:
        raise InvalidArgument("there is nothing to embed: give texts or --media", field="TEXT", limit="at least one")
    async with server(arguments.server, say) as (address, _), client_for(arguments, address) as client:
        await client.wait_ready()
        embeddings = await client.embed(arguments.texts, media=arguments.media, timeout=arguments.timeout)
    if arguments.json:
        vectors = [[round(value, 6) for value in vector] for vector in embeddings.vectors]
        texts = len(arguments.texts)
        answer_json(
            {
                "model": embeddings.model,
                "tokens": embeddings.tokens,
                "embeddings": [
                    {"text": text, "truncated": truncated, "vector": vector}
                    for text, truncated, vector in zip(arguments.texts, embeddings.truncated, vectors, strict=False)
                ]
                + [
                    {"file": path, "medium": medium, "vector": vector}
                    for path, medium, vector in zip(
                        arguments.media, embeddings.media[texts:], vectors[texts:], strict=True
                    )
                ],
            }
        )
    else:
        for vector in embeddings.vectors:
            answer(" ".join(f"{value:.6f}" for value in vector))
    return exits.OK
