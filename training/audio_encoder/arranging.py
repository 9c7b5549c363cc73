"""Excerpts of MIDI files, played by instruments that we choose and therefore know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pretty_midi

from luce.server.music.log_mel import WINDOW_SECONDS
from training.audio_encoder import programs

#: A part is heard where it has as many notes and sounds as long, in seconds, within the window.
_HEARD_NOTES, _HEARD_SECONDS = 3, 1.2
_KICK, _SNARE, _HAT, _RIDE, _CRASH, _SHAKER = 36, 38, 42, 51, 49, 70


@dataclass(frozen=True)
class Arrangement:
    """A window of music and who plays it.

    Attributes:
        midi: the notes, from 0 to ten seconds.
        instruments: labels of all that is heard, and of nothing else.
        kind: how the instruments were chosen: "own", "solo", "duo", "orchestra", "band", "folk" or "game".
    """

    midi: pretty_midi.PrettyMIDI
    instruments: tuple[str, ...]
    kind: str


Notes = list[pretty_midi.Note]


def cut(notes: Sequence[pretty_midi.Note], start: float) -> Notes:
    """Copies of the notes of the window from ``start``, at least 50 ms long, in its own time."""
    found = []
    for note in notes:
        low, high = max(note.start - start, 0.0), min(note.end - start, WINDOW_SECONDS)
        if high - low > 0.02:
            found.append(pretty_midi.Note(int(note.velocity), int(note.pitch), low, max(high, low + 0.05)))
    return sorted(found, key=lambda note: (note.start, note.pitch))


def heard(notes: Notes) -> bool:
    """Whether a part is there at all."""
    return len(notes) >= _HEARD_NOTES and sum(note.end - note.start for note in notes) >= _HEARD_SECONDS


def split_voices(notes: Notes) -> tuple[Notes, Notes, Notes]:
    """Melody, middle and bass of one player's notes: the highest and the lowest note sounding at each onset."""
    starts = np.array([note.start for note in notes])
    ends = np.array([note.end for note in notes])
    pitches = np.array([note.pitch for note in notes])
    melody, middle, bass = [], [], []
    for index, note in enumerate(notes):
        around = (starts <= note.start + 0.03) & (ends > note.start + 0.03)
        around[index] = True
        if note.pitch >= pitches[around].max() and note.pitch >= 55:
            melody.append(note)
        elif note.pitch <= pitches[around].min() and note.pitch < 58:
            bass.append(note)
        else:
            middle.append(note)
    return melody, middle, bass


def drum_part(beats: Sequence[float], generator: np.random.Generator) -> Notes:
    """A drum pattern over beats (seconds in the window): kick, snare, hats and fills of a random style."""
    notes: Notes = []
    busy, swing, hat = generator.random(), 0.5 + 0.17 * (generator.random() < 0.25), generator.choice([_HAT, _RIDE])
    half_time, shaker, quiet = generator.random() < 0.25, generator.random() < 0.2, generator.random() < 0.15
    offset = int(generator.integers(4))

    def hit(pitch: int, time: float, loud: float) -> None:
        if 0 <= time < WINDOW_SECONDS:
            notes.append(pretty_midi.Note(int(np.clip(loud * 110, 20, 127)), int(pitch), time, time + 0.1))

    for index, (beat, following) in enumerate(pairwise(beats)):
        place, length = (index + offset) % 4, following - beat
        if not quiet and place in ((0,) if half_time else (0, 2)):
            hit(_KICK, beat, 1.0)
        if busy > 0.5 and generator.random() < 0.4:
            hit(_KICK, beat + swing * length, 0.8)
        if not quiet and place in ((2,) if half_time else (1, 3)):
            hit(_SNARE if busy > 0.2 else 37, beat, 0.95)
        hit(_SHAKER if shaker else hat, beat, 0.7)
        hit(_SHAKER if shaker else hat, beat + swing * length, 0.5)
        if busy > 0.75:
            hit(_HAT, beat + 0.25 * length, 0.4)
            hit(_HAT, beat + 0.75 * length, 0.4)
        if place == 0 and generator.random() < 0.1:
            hit(_CRASH, beat, 0.9)
    return notes


def arrange(
    parts: Sequence[tuple[int, Notes]],
    kind: str,
    beats: Sequence[float],
    generator: np.random.Generator,
) -> Arrangement | None:
    """Choose who plays, and leave out who would not be heard.

    Args:
        parts: General MIDI program and notes of each part in the window, drums left out.
        kind: as in :class:`Arrangement`.
        beats: times of the beats in the window, for drums; empty where unknown.
        generator: of all choices.

    Returns:
        None where nobody is left.
    """
    cast = _own(parts) if kind == "own" else _recast(parts, kind, generator)
    midi = pretty_midi.PrettyMIDI()
    instruments: list[str] = []
    for label, notes in cast:
        if heard(notes):
            program = int(generator.choice(programs.PROGRAMS[label]))
            midi.instruments.append(play(label, program, notes, generator))
            instruments.append(label)
    with_drums = kind == "band" or (kind == "game" and generator.random() < 0.6)
    if with_drums and len(beats) >= 6:
        part = pretty_midi.Instrument(int(generator.choice([0, 0, 8, 16, 24, 25, 40])), is_drum=True)
        part.notes = drum_part(beats, generator)
        midi.instruments.append(part)
        instruments.append(programs.DRUMS)
    if not midi.instruments:
        return None
    return Arrangement(midi, tuple(dict.fromkeys(instruments)), kind)


def _own(parts: Sequence[tuple[int, Notes]]) -> list[tuple[str, Notes]]:
    return [(programs.LABEL_OF[program], notes) for program, notes in parts if program in programs.LABEL_OF]


def _recast(parts: Sequence[tuple[int, Notes]], kind: str, generator: np.random.Generator) -> list[tuple[str, Notes]]:
    joined = sorted((note for _, notes in parts for note in notes), key=lambda note: (note.start, note.pitch))
    if not joined:
        return []
    if kind == "solo":
        return [(str(generator.choice(programs.ALONE)), joined)]
    melody, middle, bass = _voices(parts, joined)
    if kind == "duo":
        rest = sorted(middle + bass, key=lambda note: note.start)
        return [(_pick(programs.MELODIC, generator), melody), (_pick(programs.CHORDAL, generator), rest)]
    if kind == "folk":
        rest = sorted(middle + bass, key=lambda note: note.start)
        chords = _pick(("acoustic guitar", "accordion", "harp", "piano"), generator)
        return [(_pick(programs.FOLK, generator), melody), (chords, rest)]
    if kind == "orchestra":
        low = _pick(("cello", "strings", "brass", "woodwind"), generator)
        return [(_pick(programs.ORCHESTRAL, generator), voice) for voice in (melody, middle)] + [(low, bass)]
    if kind == "game":
        return [("synthesizer", melody), ("synthesizer", middle), (_pick(("bass", "synthesizer"), generator), bass)]
    cast = [(_pick(programs.MELODIC, generator), melody), (_pick(programs.CHORDAL, generator), middle)]
    if generator.random() < 0.35:
        cast.append((_pick(programs.CHORDAL, generator), _sustained(middle)))
    line = bass if heard(bass) else _roots(joined)
    return [*cast, ("bass", line)] if generator.random() < 0.85 else cast


def _voices(parts: Sequence[tuple[int, Notes]], joined: Notes) -> tuple[Notes, Notes, Notes]:
    """The parts as the file has them where there are several, highest first; else voices of the one."""
    if len(parts) >= 2:
        ordered = sorted((notes for _, notes in parts), key=lambda notes: -float(np.mean([n.pitch for n in notes])))
        rest = sorted(chain.from_iterable(ordered[1:]), key=lambda note: (note.start, note.pitch))
        top, middle, bass = split_voices(rest)
        return ordered[0], sorted(middle + top, key=lambda note: note.start), bass
    return split_voices(joined)


def _pick(labels: Sequence[str], generator: np.random.Generator) -> str:
    return str(labels[int(generator.integers(len(labels)))])


def _sustained(notes: Notes) -> Notes:
    """Every note held until a second later, as pads do."""
    return [pretty_midi.Note(n.velocity, n.pitch, n.start, min(n.end + 1.0, WINDOW_SECONDS)) for n in notes[::2]]


def _roots(notes: Notes) -> Notes:
    """A bass line: the lowest note of each half second."""
    found: Notes = []
    for slot in np.arange(0, WINDOW_SECONDS, 0.5):
        inside = [note for note in notes if slot <= note.start < slot + 0.5]
        if inside:
            low = min(inside, key=lambda note: note.pitch)
            found.append(pretty_midi.Note(low.velocity, low.pitch, low.start, min(low.start + 0.5, WINDOW_SECONDS)))
    return found


def play(label: str, program: int, notes: Notes, generator: np.random.Generator) -> pretty_midi.Instrument:
    """A part in the instrument's range, at a loudness of its own."""
    low, high = programs.RANGES.get(label, (0, 127))
    middle = float(np.median([note.pitch for note in notes]))
    shift = 0
    while middle + shift < low:
        shift += 12
    while middle + shift > high:
        shift -= 12
    loud, part = generator.uniform(0.65, 1.1), pretty_midi.Instrument(program)
    for note in notes:
        pitch = int(np.clip(note.pitch + shift, 12, 115))
        part.notes.append(pretty_midi.Note(int(np.clip(note.velocity * loud, 25, 127)), pitch, note.start, note.end))
    return part
