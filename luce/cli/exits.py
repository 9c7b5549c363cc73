"""Exit codes of the command line."""

from __future__ import annotations

from typing import Final

from luce import errors

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 3
BAD_INPUT: Final = 4
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_BAD_INPUT: Final = (
    errors.InvalidArgument,
    errors.MalformedMedia,
    errors.UnsupportedMediaType,
    errors.PayloadTooLarge,
)
_UNAVAILABLE: Final = (errors.Unavailable, errors.ResourceExhausted)


def code_for(error: errors.LuceError) -> int:
    """The exit code that an error becomes."""
    if isinstance(error, _BAD_INPUT):
        return BAD_INPUT
    if isinstance(error, _UNAVAILABLE):
        return UNAVAILABLE
    return FAILED
