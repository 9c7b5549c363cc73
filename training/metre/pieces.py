"""The pieces that are learned from: all but those that are evaluated on, and but those that hold the same music."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.evaluate.music_analysis import (
    CLASSICAL_FROM,
    CLASSICAL_TO,
    POP_SONGS,
    TUNES,
    UNTOUCHED_FROM,
    UNTOUCHED_TUNES,
)
from training.evaluate.performances import by_hash, folk_files, pop_folders
from training.metre.duplicates import alike


@dataclass(frozen=True)
class Pieces:
    """Folders of POP909 songs, Nottingham tunes by metre, and files of classical MIDI and VGMIDI."""

    songs: list[Path]
    tunes: dict[str, list[Path]]
    files: list[Path]


def pieces_of(data: Path) -> Pieces:
    """Those of ``data``, which holds ``pop909``, ``nottingham``, ``midi_classical`` and ``vgmidi``."""
    classical = by_hash(list((data / "midi_classical").glob("*.mid")))
    evaluated = classical[CLASSICAL_FROM:CLASSICAL_TO]
    others = [*classical[:CLASSICAL_FROM], *classical[CLASSICAL_TO:]]
    same = alike(evaluated, others)
    return Pieces(
        pop_folders(data)[POP_SONGS:UNTOUCHED_FROM],
        {metre: paths[TUNES + UNTOUCHED_TUNES :] for metre, paths in folk_files(data).items()},
        [*(path for path in others if path not in same), *sorted((data / "vgmidi").rglob("*.mid"))],
    )
