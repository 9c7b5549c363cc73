"""Which MIDI files hold the same music, so that none is learned from that another one is evaluated on.

A collection has many works twice, under other names and by other hands. Two files are alike where a quarter of the
runs of ten intervals of one occur in the other; runs within a third, and those of very many files, say nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from luce.errors import LuceError
from luce.server.music.midi import read_midi

_RUN, _NOTES, _ALIKE = 10, 4000, 0.25
_NARROWEST, _COMMON = 5, 40


def runs_of(path: Path) -> frozenset[int]:
    """Hashes of the runs of intervals of a file's first notes; none for a file that cannot be read."""
    try:
        pitch = read_midi(path.read_bytes()).notes.pitch.astype(np.int64)
    except LuceError:
        return frozenset()
    steps = np.diff(pitch)[:_NOTES]
    if steps.size < _RUN:
        return frozenset()
    windows = np.lib.stride_tricks.sliding_window_view(steps, _RUN)
    telling = windows[windows.max(axis=1) - windows.min(axis=1) >= _NARROWEST]
    return frozenset(map(hash, map(bytes, telling.astype(np.int16))))


def alike(evaluated: Iterable[Path], others: Iterable[Path]) -> set[Path]:
    """Those of ``others`` that hold the music of one of ``evaluated``."""
    theirs = {path: runs_of(path) for path in others}
    holders: defaultdict[int, list[Path]] = defaultdict(list)
    for path, runs in theirs.items():
        for run in runs:
            holders[run].append(path)
    found: set[Path] = set()
    for path in evaluated:
        ours = runs_of(path)
        shared = Counter(other for run in ours if len(holders[run]) < _COMMON for other in holders[run])
        found |= {other for other, count in shared.items() if count > _ALIKE * min(len(ours), len(theirs[other]))}
    return found
