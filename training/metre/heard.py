"""Rendered music as the transcription hears it, with its metre and beat, kept in ``training/cache/metre``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from luce.server.music import onsets
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import (
    START,
    Truth,
    by_hash,
    classical_piece,
    classical_stretch,
    folk_files,
    folk_tune,
    pop_folders,
    pop_song,
    pop_truth,
)
from training.music_emotion.takes import Transcriber

CACHE = Path(__file__).resolve().parents[1] / "cache" / "metre"
#: Songs of POP909 heard once; a song in three is heard at each of these seconds.
_POP_SONGS, _WALTZ_STARTS = 240, (START, START + 45, START + 90)
#: Tunes of each metre heard, and how often a tune of each: those in 3/4 are few.
_TUNES, _TUNE_TURNS = 60, {"4/4": 1, "3/4": 3, "6/8": 2}
#: Classical files of each metre heard, and the places in them.
_PIECES = {"4/4": 100, "3/4": 100, "6/8": 100}
_PLACES = {"4/4": (0.5,), "3/4": (0.5, 0.15, 0.85), "6/8": (0.5, 0.1, 0.3, 0.7, 0.9)}

#: What renders one piece.
_Play = Callable[[], tuple[Truth, FloatArray]]


@dataclass(frozen=True)
class Skipped:
    """How many songs and tunes of each metre are left to evaluation, and from which classical file on."""

    songs: int
    tunes: int
    classical_from: int
    songs_from: int


@dataclass(frozen=True)
class HeardStretch:
    """Some 30 s: what is known of them, the notes heard, and the onset envelope (T,) of the signal."""

    truth: Truth
    notes: Notes
    envelope: FloatArray


def heard_stretches(data: Path, fonts: list[Path], skipped: Skipped, cache: Path = CACHE) -> Iterator[HeardStretch]:
    """Render, transcribe and keep everything that is learned from; what is kept is not made again."""
    cache.mkdir(parents=True, exist_ok=True)
    transcriber = Transcriber()
    for name, play in _plays(data, fonts, skipped):
        path = cache / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            truth, samples = play()
            _keep(path, truth, transcriber(samples), samples)
        yield _kept(path)


def _plays(data: Path, fonts: list[Path], skipped: Skipped) -> Iterator[tuple[str, _Play]]:
    """What is played, each under a name of its own."""
    folders = pop_folders(data)[skipped.songs : skipped.songs_from]
    for index, folder in enumerate(folders):
        waltz = pop_truth(folder).metre == "3/4"
        starts = _WALTZ_STARTS if waltz else (START,) if index < _POP_SONGS else ()
        for start in starts:
            yield f"{folder.name}/{start}", partial(pop_song, folder, fonts, start)
    for metre, paths in folk_files(data).items():
        for path in paths[skipped.tunes : skipped.tunes + _TUNES]:
            for turn in range(_TUNE_TURNS[metre]):
                yield f"{path.name}/{turn}", partial(folk_tune, path, metre, fonts, turn + 1)
    left = dict(_PIECES)
    for path in by_hash(list((data / "midi_classical").glob("*.mid")))[: skipped.classical_from]:
        middle = classical_stretch(path)
        if middle is None or not left[middle.metre]:
            continue
        left[middle.metre] -= 1
        for place in _PLACES[middle.metre]:
            stretch = classical_stretch(path, place)
            if stretch is not None:
                yield f"{path.name}/{place}", partial(classical_piece, stretch, fonts)


def _keep(path: Path, truth: Truth, notes: Notes, samples: FloatArray) -> None:
    levels = onsets.band_levels(samples)
    parts = {"onset_s": notes.onset_s, "offset_s": notes.offset_s, "pitch": notes.pitch, "amplitude": notes.amplitude}
    known = {"name": truth.name, "bpm": truth.bpm, "metre": truth.metre}
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, envelope=onsets.onset_envelope(levels), **parts, **known)  # type: ignore[arg-type]
    part.rename(path)


def _kept(path: Path) -> HeardStretch:
    with np.load(path) as stored:
        notes = Notes(*(stored[name] for name in ("onset_s", "offset_s", "pitch", "amplitude")))
        truth = Truth(str(stored["name"]), float(stored["bpm"]), 0, "unknown", str(stored["metre"]))
        return HeardStretch(truth, notes, stored["envelope"].astype(np.float32))
