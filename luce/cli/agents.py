"""Arguments for the agents of painting, and their report for people."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from luce._report import AgentReport
from luce._requests import AgentOptions

AGENTS: Final = ("scene", "verb", "style", "colour", "composition", "validator", "prompt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which agents have a say, what they think with, and whether to tell why."""
    group = parser.add_argument_group("agents")
    group.add_argument(
        "--without",
        default="",
        metavar="AGENT,...",
        help=f"agents that keep silent: {', '.join(AGENTS)}; what they would choose stays plain",
    )
    group.add_argument("--baseline", choices=("caption_only", "single_agent"), help="in place of the agents")
    group.add_argument("--mind", choices=("rules", "llm"), help="what they think with (default: the server's)")
    group.add_argument("--explain", action="store_true", help="tell who chose what, why, and what was found wrong")


def options(arguments: argparse.Namespace) -> AgentOptions:
    """The arguments for the SDK."""
    return AgentOptions(
        without=[name.strip() for name in arguments.without.split(",") if name.strip()],
        baseline=arguments.baseline or "",
        mind=arguments.mind or "",
        explain=arguments.explain,
    )


def lines(report: AgentReport) -> Iterator[str]:
    """A report for people: a line for each note, then for each finding."""
    for note in report.notes:
        where = f"{note.prompt}" if note.prompt else "-"
        mind = "" if note.mind == "rules" else f" [{note.mind}]"
        why = f"  ({'; '.join(note.evidence)})" if note.evidence else ""
        yield f"  {where} {note.author}{mind} {note.topic}: {note.words}{why}"
    for finding in report.findings:
        where = f"{finding.prompt}" if finding.prompt else "-"
        hint = f" (try {finding.suggestion})" if finding.suggestion else ""
        yield (
            f"  {where} validator {finding.severity}, {finding.kind.replace('_', ' ')} of {finding.attribute}, "
            f"{finding.outcome}: {finding.message}{hint}"
        )
