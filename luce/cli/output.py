"""What the command line prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from luce.errors import LuceError


def say(text: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def answer(text: str) -> None:
    """A line of the result, on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def answer_json(value: Mapping[str, Any]) -> None:
    """The result as one JSON object."""
    answer(json.dumps(value, indent=2, ensure_ascii=False))


def answer_line(value: Mapping[str, Any]) -> None:
    """One of several results as a JSON object on a line of its own."""
    answer(json.dumps(value, ensure_ascii=False))


def error_json(error: LuceError) -> dict[str, Any]:
    """An error, for `--json`."""
    return {
        "code": error.code,
        "message": error.message,
        "field": error.field or None,
        "limit": error.limit or None,
        "retry_after_s": error.retry_after,
    }


def seconds(value: float) -> str:
    """A duration for people."""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
