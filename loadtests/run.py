"""Every measurement of docs/results.md, one after the other: `make bench`, or `python -m loadtests.run gateway paint`.

Each runs in a process of its own, with servers of its own. What they print goes to the screen; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

MEASUREMENTS: Final = {
    "paint": "one song into one picture on a warm stack, and the share of each stage",
    "score": "30 s of music for a picture and for words, and the time to the first sound",
    "describe": "a recording of three minutes described: wall time, processor time, memory",
    "captioning": "captions one at a time and 16 in flight: tokens per second",
    "sound": "what the sound of 30 s of written music costs, and watching a video",
    "batching": "short requests beside long ones, iteration-level batching against run-to-completion",
    "gateway": "the gateway's cost beside direct calls of Triton; submit to durable acknowledgement",
}
LIMIT_S: Final = 900


def machine() -> str:
    """Processor, cores and Python in one line."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main() -> int:
    """Runs the measurements that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="default: all")
    names = parser.parse_args().names or list(MEASUREMENTS)
    print(f"{machine()}, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}\n")
    failed = []
    for name in names:
        print(f"## {name}: {MEASUREMENTS[name]}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"loadtests.{name}"], check=False, timeout=LIMIT_S)
        if done.returncode:
            failed.append(name)
        print(flush=True)
    for name in failed:
        print(f"{name} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
