"""`luce jobs`: what was handed in, and what became of it."""

from __future__ import annotations

import argparse
import itertools
from typing import Any, Final

from luce._types import Job, JobState
from luce.cli import exits, values
from luce.cli.connection import add_connection_arguments, client_for
from luce.cli.output import answer, answer_json, say, seconds
from luce.cli.servers import server

EXAMPLES: Final = """\
examples:
  luce jobs
  luce jobs --state running --json
  luce jobs 01J...
  luce jobs --cancel 01J...
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "jobs",
        help="list jobs, show one, or cancel one",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("id", metavar="ID", nargs="?", help="show this job")
    what.add_argument("--cancel", metavar="ID", help="cancel this job")
    parser.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in JobState],
        default=[],
        help="list only these (may be given again)",
    )
    parser.add_argument("--limit", type=int, default=20, metavar="COUNT", help="list at most so many (default: 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_connection_arguments(parser)
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """List, show or cancel."""
    async with (
        server(arguments.server, say, start=False) as (address, _),
        client_for(arguments, address) as client,
    ):
        await client.wait_ready()
        if arguments.cancel:
            jobs = [await client.jobs.cancel(arguments.cancel)]
        elif arguments.id:
            jobs = [await client.jobs.get(arguments.id)]
        else:
            states = [JobState(state) for state in arguments.state]
            jobs = []
            if arguments.limit > 0:
                async for job in client.jobs.list(states, page_size=min(arguments.limit, 100)):
                    jobs.append(job)
                    if len(jobs) >= arguments.limit:
                        break
    if arguments.json:
        told = [values.job(job) for job in jobs]
        answer_json(told[0] if arguments.cancel or arguments.id else {"jobs": told})
    elif arguments.id:
        for line in _details(jobs[0]):
            answer(line)
    else:
        for job in jobs:
            answer(_line(job))
    return exits.OK


def _line(job: Job) -> str:
    when = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if job.created_at else ""
    parts = [job.id, when, f"{job.state.value:<9}"]
    if job.state is JobState.RUNNING:
        parts.append(f"{job.stage} {job.fraction:.0%}")
    elif job.state is JobState.QUEUED:
        parts.append(f"{job.position} ahead")
    elif job.error is not None:
        parts.append(job.error.message)
    return "  ".join(parts)


def _details(job: Job) -> list[str]:
    facts = {
        "id": job.id,
        "state": job.state.value,
        "attempts": str(job.attempts),
        "seed": str(job.seed),
        "models": ", ".join(f"{name}:{version}" for name, version in job.models.items()),
        "timings": ", ".join(f"{stage} {seconds(spent)}" for stage, spent in job.timings.items()),
        "error": job.error.message if job.error is not None else "",
    }
    prompts = {f"prompt {number}": picture.prompt.text for number, picture in zip(itertools.count(1), job.pictures)}
    return [f"{name:<10} {fact}" for name, fact in {**facts, **prompts}.items() if fact]
