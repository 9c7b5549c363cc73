"""What the processes of a stack hold in memory."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process with all its descendants, bytes.

    Attributes:
        pss: Proportional set size: pages shared by k processes count 1/k in each, so that sums are true.
        rss: Resident set size: shared pages count in every process, so that sums are too high.
        processes: How many processes these are.
    """

    pss: int = 0
    rss: int = 0
    processes: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.pss + other.pss, self.rss + other.rss, self.processes + other.processes)


def of_process(pid: int) -> Memory:
    """Memory of one process; nothing where it has ended."""
    try:
        told = psutil.Process(pid).memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return Memory()
    return Memory(told.pss, told.rss, 1)


def of_tree(pid: int) -> Memory:
    """Memory of a process and its descendants; of those that end meanwhile, nothing."""
    try:
        descendants = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return Memory()
    total = of_process(pid)
    for process in descendants:
        total += of_process(process.pid)
    return total
