"""Log files of child processes: appended to by the child itself, kept within bounds from outside."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import IO, Final

MAX_BYTES: Final = 8 * 1024 * 1024
TAIL_BYTES: Final = 64 * 1024
LINE_CHARACTERS: Final = 240
MAX_COMPLAINTS: Final = 4
# Of Triton ("... E 123 file.cc"), PostgreSQL ("FATAL: "), NATS ("[FTL]", "[ERR]") and Python.
_COMPLAINT: Final = re.compile(r"\bE \d+ \w+\.cc|\b(FATAL|ERROR|CRITICAL)\b|\[(FTL|ERR)\]|^\w*(Error|Exception)\b")


class LogFile:
    """The log of one child. The child writes to the file directly, so its lines outlive the supervisor.

    Args:
        path: Where to write; its folder is created.
        max_bytes: Past it, `bound` moves what is there to "<name>.1" and begins anew.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._start = 0
        path.parent.mkdir(parents=True, exist_ok=True)

    def open(self, title: str) -> IO[bytes]:
        """The file, for one run of the child; `title` marks where that run begins."""
        file = self.path.open("ab", buffering=0)
        file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {title}\n".encode())
        self._start = os.fstat(file.fileno()).st_size
        return file

    def bound(self) -> None:
        """Begin anew where the file has grown too long. The child appends, so it goes on at the new end."""
        if self.path.exists() and self.path.stat().st_size > self._max_bytes:
            shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
            os.truncate(self.path, 0)
            self._start = 0

    def tail(self, lines: int = 12) -> str:
        """The last lines of the present run, after those before them that complain."""
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(min(self._start, end), end - TAIL_BYTES))
                text = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        complaints = [line for line in text[:-lines] if _COMPLAINT.search(line)]
        return "\n".join(line[:LINE_CHARACTERS] for line in [*complaints[-MAX_COMPLAINTS:], *text[-lines:]])
