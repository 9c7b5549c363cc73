"""The training music, from the data sets' folders to stretches of bars on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
from mido.midifiles.meta import KeySignatureError

from luce.server.music.composing.reading import Stretch, Written, gather, grid_fit, roles_of, stretches
from luce.server.music.composing.score import BASS, HARMONY, MELODY
from training.music_emotion.labels import fraction, vgmidi

#: A file of which fewer onsets lie on sixteenths is played rather than written, or in triplets.
LEAST_FIT = 0.92
#: Larger files are symphonies and operas.
MOST_BYTES = 40_000
#: Share of the classical files that is read, the first by a hash of their names: there are more than a CPU learns from.
CLASSICAL_SHARE = 0.25
#: POP909's bridge is the melody where the voice has been silent for as many quarter notes.
_SILENCE = 4


@dataclass(frozen=True)
class Piece:
    """A piece of training music.

    Attributes:
        name: unique name, which decides the split.
        style: one of ``controls.STYLES``.
        parts: its stretches of one metre.
    """

    name: str
    style: str
    parts: list[Stretch]

    @property
    def held_out(self) -> bool:
        """Whether it is in the held-out twenty-fifth, by a hash of its name."""
        return fraction(self.name, "composer") < 0.04


def pop(data: Path) -> Iterator[Piece]:
    """POP909: melody, bridge and piano are told apart by the file, beats and bars by its annotation."""
    for folder in sorted(path for path in (data / "pop909").iterdir() if path.is_dir()):
        written = _gather(folder / f"{folder.name}.mid")
        if written is None or not len(written.notes):
            continue
        beats = np.loadtxt(folder / "beat_midi.txt")
        downs = np.flatnonzero(beats[:, 2] > 0)
        if len(downs) < 2:
            continue
        size = int(np.median(np.diff(downs)))
        if size not in (3, 4):
            continue
        offset = _tick(written, float(beats[downs[0], 0]))
        if grid_fit(written, offset) >= LEAST_FIT:
            parts = stretches(written, offset=offset, roles=_pop_roles(written), metre={4: 0, 3: 1}[size])
            yield Piece(f"pop909/{folder.name}", "pop", parts)


def _tick(written: Written, seconds: float) -> int:
    tempo = written.tempi[0][1] if written.tempi else 500_000
    return round(seconds * 1e6 / tempo * written.ticks)


def _pop_roles(written: Written) -> npt.NDArray[np.int64]:
    notes = written.notes
    names = np.array(written.parts)[notes[:, 3]]
    by_height = roles_of(notes)
    found = np.where(by_height == BASS, BASS, HARMONY)
    found[names == "MELODY"] = MELODY
    sung = np.sort(notes[names == "MELODY", 0])
    for index in np.flatnonzero(names == "BRIDGE"):
        onset = notes[index, 0]
        before = np.searchsorted(sung, onset, side="right")
        last = sung[before - 1] if before else -(10**9)
        following = sung[before] if before < len(sung) else 10**9
        alone = onset - last > _SILENCE * written.ticks and following - onset > written.ticks
        found[index] = MELODY if alone and by_height[index] == MELODY else HARMONY
    return found


def games(data: Path) -> Iterator[Piece]:
    """VGMIDI without the labelled pieces of its held-out fifth, which the judge learns from."""
    kept_out = {piece.file.name for piece in vgmidi(data) if piece.held_out}
    for path in sorted((data / "vgmidi").rglob("*.mid")):
        if path.name not in kept_out:
            yield from _read(path, f"vgmidi/{path.name}", "game")


def classical(data: Path) -> Iterator[Piece]:
    """Classical MIDI files."""
    for path in sorted((data / "midi_classical").glob("*.mid")):
        if fraction(path.name, "classical") < CLASSICAL_SHARE:
            yield from _read(path, f"midi_classical/{path.name}", "classical")


def folk(data: Path) -> Iterator[Piece]:
    """Nottingham: folk tunes with chords."""
    for path in sorted((data / "nottingham").rglob("*.mid")):
        if path.parent.name == "nottingham":
            yield from _read(path, f"nottingham/{path.name}", "folk")


SOURCES = {"pop": pop, "game": games, "folk": folk, "classical": classical}


def _read(path: Path, name: str, style: str) -> Iterator[Piece]:
    if path.stat().st_size > MOST_BYTES:
        return
    written = _gather(path)
    if written is not None and grid_fit(written) >= LEAST_FIT:
        yield Piece(name, style, stretches(written))


def _gather(path: Path) -> Written | None:
    try:
        file = mido.MidiFile(path, clip=True)
    except (EOFError, OSError, ValueError, LookupError, TypeError, ArithmeticError, KeySignatureError):
        return None
    return gather(file) if file.type in (0, 1) and file.ticks_per_beat > 0 else None
