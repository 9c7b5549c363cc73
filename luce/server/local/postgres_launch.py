"""Becomes a PostgreSQL server: `python -m luce.server.local.postgres_launch BINARIES STATE NAME=VALUE...`.

Creates the data at the first start, then replaces itself by the server, so that signals reach it. PostgreSQL refuses to
run as root; root therefore enters a user namespace in which it has an ordinary user's number.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_PDEATHSIG: Final = 1
_NOBODY: Final = "nobody"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def leave_root(state: Path, binaries: Path) -> None:
    """Make this process one of an ordinary user. Exits with a sentence where that cannot be done."""
    nobody = pwd.getpwnam(_NOBODY)
    if _LIBC.unshare(_CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} 0 1", encoding="ascii")
        return
    for path in (state, *state.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    for path in (state, binaries):
        if not os.access(path, os.X_OK):
            sys.exit(
                f"PostgreSQL does not run as root, user namespaces are not allowed here, and the user {_NOBODY} cannot "
                f"enter {path}: run as an ordinary user, or from a folder that everybody may enter"
            )


def create_data(binaries: Path, state: Path, data: Path) -> None:
    """Create the database files aside and move them into place when they are whole."""
    fresh = state / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run(  # noqa: S603  # our own binary
        [
            binaries / "initdb",
            f"--pgdata={fresh}",
            "--username=postgres",
            f"--pwfile={state / 'password'}",
            "--auth-host=scram-sha-256",
            "--auth-local=reject",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
            # Nothing of worth is in it yet.
            "--no-sync",
        ],
        check=True,
        timeout=60,
    )
    fresh.rename(data)


def main() -> None:
    """Start the server in this process's place."""
    binaries, state, settings = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    parent = os.getppid()
    if os.geteuid() == 0:
        leave_root(state, binaries)
    # A change of user drops this setting, which the supervisor had made: to end with it.
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor ended")
    data = state / "data"
    if not (data / "PG_VERSION").exists():
        create_data(binaries, state, data)
    server = str(binaries / "postgres")
    options = [part for setting in settings for part in ("-c", setting)]
    os.execv(server, [server, "-D", str(data), *options])  # noqa: S606  # its own arguments, no shell


if __name__ == "__main__":
    main()
