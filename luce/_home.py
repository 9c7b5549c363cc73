"""The folder of this user's local stack: state, logs, and the file that tells where it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

RUN_FILE: Final = "run.json"


def home() -> Path:
    """`LUCE_HOME`; else `.luce` in the checkout that this package is part of; else the user's state folder."""
    named = os.environ.get("LUCE_HOME")
    if named:
        return Path(named).expanduser().absolute()
    root = Path(__file__).resolve().parents[1]
    if (root / "model_repository").is_dir() and (root / "protos").is_dir():
        return root / ".luce"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "luce"
