"""Many inputs, one after the other: each has its own answer or its own error, and a bad one stops no other."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeVar

from luce._client import AsyncClient
from luce.cli import exits
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_line, error_json, say
from luce.cli.servers import server
from luce.errors import InvalidArgument, LuceError

AT_ONCE: Final = 4
FORMATS: Final = "wav, flac, mp3, ogg, opus, m4a, mid"

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Inputs, `--json`, and the server."""
    parser.add_argument("inputs", metavar="FILE", nargs="+", help=f"music: {FORMATS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each input, in order")
    add_connection_arguments(parser)


async def answer_each(
    arguments: argparse.Namespace,
    work: Callable[[AsyncClient, str], Awaitable[T]],
    lines: Callable[[str, T], Sequence[str]],
    values: Callable[[T], dict[str, Any]],
    *,
    texts: Sequence[str] | None = None,
) -> int:
    """Work on every input, a few at once, and print each answer as soon as it and those before it are there.

    Args:
        arguments: Of the command line.
        work: From a client and an input to its answer.
        lines: An answer for people.
        values: An answer for `--json`.
        texts: The inputs, where they are not the files of the command line.

    Returns:
        The highest of the inputs' exit codes.
    """
    code = exits.OK

    def tell(path: str, outcome: T | LuceError) -> None:
        nonlocal code
        if isinstance(outcome, LuceError):
            code = max(code, exits.code_for(outcome))
            if arguments.json:
                answer_line({"input": path, "error": error_json(outcome)})
            say(f"luce: {path}: {outcome}")
        elif arguments.json:
            answer_line({"input": path, **values(outcome)})
        else:
            for line in lines(path, outcome):
                answer(line)

    given: Sequence[str] = arguments.inputs if texts is None else texts
    missing = {} if texts is not None else {path: error for path in given if (error := _missing(path)) is not None}
    if len(missing) == len(set(given)):
        for path in given:
            tell(path, missing[path])
        return code

    async def one(client: AsyncClient, path: str) -> T:
        if path in missing:
            raise missing[path]
        return await work(client, path)

    async with server(arguments.server, say) as (address, _), client_for(arguments, address) as client:
        await client.wait_ready()
        async with aclosing(_in_order([one(client, path) for path in given])) as outcomes:
            inputs = iter(given)
            async for outcome in outcomes:
                tell(next(inputs), outcome)
    return code


def _missing(path: str) -> LuceError | None:
    return None if Path(path).is_file() else InvalidArgument(f"FILE: there is no file {path}", field="FILE")


async def _in_order(works: Sequence[Awaitable[T]]) -> AsyncGenerator[T | LuceError]:
    """The outcomes in the order of the works; leaving early cancels what is under way."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(work: Awaitable[T]) -> T | LuceError:
        async with slots:
            try:
                return await work
            except LuceError as error:
                return error

    tasks = [asyncio.ensure_future(run(work)) for work in works]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
