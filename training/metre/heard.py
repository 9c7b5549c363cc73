"""Rendered music as the transcription hears it, with its metre and beats, kept in ``training/cache/metre``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from luce.server.music import onsets
from luce.server.music.midi import read_midi
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import (
    START,
    Truth,
    classical_piece,
    classical_stretch,
    folk_tune,
    pop_song,
    pop_truth,
)
from training.metre.beats import Beats, pop_beats, written_beats
from training.metre.pieces import Pieces
from training.music_emotion.takes import Transcriber

CACHE = Path(__file__).resolve().parents[1] / "cache" / "metre"
#: Songs of POP909 heard once; a song in three is heard at each of these seconds.
_POP_SONGS, _WALTZ_STARTS = 240, (START, START + 45, START + 90)
#: Tunes of each metre heard, and how often a tune of each: those in 3/4 are few.
_TUNES, _TUNE_TURNS = 60, {"4/4": 1, "3/4": 3, "6/8": 2}
#: Files in 4/4 of which one stretch is heard, and the places of all stretches of a file in another metre.
_EVEN_FILES = 400
_PLACES = {"4/4": (0.5,), "3/4": (0.5, 0.15, 0.85, 0.35), "6/8": (0.5, 0.1, 0.3, 0.7, 0.9, 0.5)}

#: What renders one piece.
_Play = Callable[[], tuple[Truth, FloatArray, Beats]]


@dataclass(frozen=True)
class HeardStretch:
    """Some 30 s: what is known of them, the notes heard, the onset envelope (T,) of the signal, and the beats."""

    truth: Truth
    notes: Notes
    envelope: FloatArray
    beats: Beats


def heard_stretches(pieces: Pieces, fonts: list[Path], cache: Path = CACHE) -> Iterator[HeardStretch]:
    """Render, transcribe and keep everything that is learned from; what is kept is not made again."""
    cache.mkdir(parents=True, exist_ok=True)
    transcriber = Transcriber()
    for name, play in _plays(pieces, fonts):
        path = cache / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            truth, samples, beats = play()
            _keep(path, HeardStretch(truth, transcriber(samples), _envelope(samples), beats))
        yield _kept(path)


def _plays(pieces: Pieces, fonts: list[Path]) -> Iterator[tuple[str, _Play]]:
    """What is played, each under a name of its own."""
    for index, folder in enumerate(pieces.songs):
        waltz = pop_truth(folder).metre == "3/4"
        starts = _WALTZ_STARTS if waltz else (START,) if index < _POP_SONGS else ()
        for start in starts:
            yield f"{folder.name}/{start}", partial(_pop, folder, fonts, start)
    for metre, paths in pieces.tunes.items():
        for path in paths[:_TUNES]:
            for turn in range(_TUNE_TURNS[metre]):
                yield f"{path.name}/{turn}", partial(_folk, path, metre, fonts, turn + 1)
    even = 0
    for path in pieces.files:
        middle = classical_stretch(path)
        if middle is None:
            continue
        even += middle.metre == "4/4"
        if middle.metre == "4/4" and even > _EVEN_FILES:
            continue
        for turn, place in enumerate(_PLACES[middle.metre]):
            if classical_stretch(path, place) is not None:
                yield f"{path.name}/{place}/{turn}", partial(_classical, path, place, fonts, turn)


def _pop(folder: Path, fonts: list[Path], start: float) -> tuple[Truth, FloatArray, Beats]:
    truth, samples = pop_song(folder, fonts, start)
    return truth, samples, pop_beats(folder, start, truth.metre)


def _folk(path: Path, metre: str, fonts: list[Path], turn: int) -> tuple[Truth, FloatArray, Beats]:
    truth, samples = folk_tune(path, metre, fonts, turn)
    midi = read_midi(path.read_bytes())
    written = float(np.median(midi.tempo_bpm)) / (1.5 if metre == "6/8" else 1.0)
    return truth, samples, written_beats(midi, 0.0, written / truth.bpm)


def _classical(path: Path, place: float, fonts: list[Path], turn: int) -> tuple[Truth, FloatArray, Beats]:
    stretch = classical_stretch(path, place)
    assert stretch is not None
    truth, samples = classical_piece(stretch, fonts, turn)
    return truth, samples, written_beats(read_midi(path.read_bytes()), stretch.start)


def _envelope(samples: FloatArray) -> FloatArray:
    return onsets.onset_envelope(onsets.band_levels(samples))


def _keep(path: Path, heard: HeardStretch) -> None:
    notes, truth = heard.notes, heard.truth
    parts = {"onset_s": notes.onset_s, "offset_s": notes.offset_s, "pitch": notes.pitch, "amplitude": notes.amplitude}
    parts |= {"envelope": heard.envelope, "beats": heard.beats.beats, "bars": heard.beats.bars}
    known = {"name": truth.name, "bpm": truth.bpm, "metre": truth.metre}
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, **parts, **known)  # type: ignore[arg-type]
    part.rename(path)


def _kept(path: Path) -> HeardStretch:
    with np.load(path) as stored:
        notes = Notes(*(stored[name] for name in ("onset_s", "offset_s", "pitch", "amplitude")))
        truth = Truth(str(stored["name"]), float(stored["bpm"]), 0, "unknown", str(stored["metre"]))
        envelope = stored["envelope"].astype(np.float32)
        return HeardStretch(truth, notes, envelope, Beats(stored["beats"], stored["bars"]))
