"""Openings of four pieces whose composers died more than a hundred years ago, written out as notes.

One for each quadrant of the valence-arousal plane: Beethoven's "Ode to Joy" (bright, excited), Grieg's "In the Hall of
the Mountain King" (dark, excited), Beethoven's "Moonlight" sonata (dark, calm), Bach's Prelude in C (bright, calm).
The arrangements are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

# General MIDI programs, counted from 0.
PIANO, STRINGS, PIZZICATO, TIMPANI, TRUMPET, BASSOON, CONTRABASS = 0, 48, 45, 47, 56, 70, 43

_STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True, slots=True)
class Note:
    """One note: start and length in beats, MIDI pitch 0..127, velocity 0..1, General MIDI program 0..127."""

    start: float
    length: float
    pitch: int
    velocity: float
    program: int


@dataclass(frozen=True, slots=True)
class Score:
    """A piece: its notes and its tempo, beats per minute, as a function of the beat."""

    title: str
    composer: str
    notes: tuple[Note, ...]
    tempo: Callable[[float], float]


def pitch(name: str) -> int:
    """MIDI number of a note name such as "C4" (60), "F#3" or "Bb3"."""
    octave = int(name[-1])
    return 12 * (octave + 1) + _STEPS[name[0]] + name.count("#") - name[1:].count("b")


def _line(text: str, start: float, velocity: float, program: int, shift: int = 0) -> Iterator[Note]:
    """A melody: words "NAME:BEATS" (beats 1 where left out), "-" rests."""
    beat = start
    for word in text.split():
        name, _, beats = word.partition(":")
        length = float(beats or 1)
        if name != "-":
            yield Note(beat, length * 0.95, pitch(name) + shift, velocity, program)
        beat += length


def _prelude_in_c() -> Score:
    bars = [
        "C4 E4 G4 C5 E5", "C4 D4 A4 D5 F5", "B3 D4 G4 D5 F5", "C4 E4 G4 C5 E5", "C4 E4 A4 E5 A5", "C4 D4 F#4 A4 D5",
        "B3 D4 G4 D5 G5", "B3 C4 E4 G4 C5", "A3 C4 E4 G4 C5", "D3 A3 D4 F#4 C5", "G3 B3 D4 G4 B4",
    ]  # fmt: skip
    notes = []
    for bar, chord in enumerate(bars):
        tones = [pitch(name) for name in chord.split()]
        for half in (0.0, 2.0):
            at = 4.0 * bar + half
            for place, tone in enumerate((0, 1, 2, 3, 4, 2, 3, 4)):
                length = (2.0, 1.75)[place] if place < 2 else 0.25
                notes.append(Note(at + 0.25 * place, length, tones[tone], 0.42, PIANO))
    notes += [Note(44.0, 4.0, pitch(name), 0.36, PIANO) for name in ("C3", "G3", "E4", "C5")]
    return Score("Prelude in C major, BWV 846", "Johann Sebastian Bach", tuple(notes), lambda _: 76.0)


def _moonlight() -> Score:
    # One bar: (bass, triplet) for each of its four beats.
    bars = [
        [("C#2", "G#3 C#4 E4")] * 4,
        [("B1", "G#3 C#4 E4")] * 4,
        [("A1", "A3 C#4 E4")] * 2 + [("F#1", "A3 D4 F#4")] * 2,
        [("G#1", "G#3 C4 F#4"), ("G#1", "G#3 C#4 E4"), ("G#1", "G#3 C#4 D#4"), ("G#1", "F#3 C4 D#4")],
        [("C#2", "E3 G#3 C#4")] + [("C#2", "G#3 C#4 E4")] * 3,
        [("C2", "G#3 D#4 F#4")] * 4,
        [("C#2", "G#3 C#4 E4")] * 4,
    ]
    notes = []
    for bar, beats in enumerate(bars):
        for beat, (bass, triplet) in enumerate(beats):
            at = 4.0 * bar + beat
            if beat == 0 or beats[beat - 1][0] != bass:
                notes += [Note(at, 2.0, pitch(bass) + octave, 0.34, PIANO) for octave in (0, 12)]
            notes += [Note(at + third / 3, 0.5, pitch(name), 0.26, PIANO) for third, name in enumerate(triplet.split())]
    notes += _line("G#4:0.75 G#4:0.25 G#4:3 G#4:0.75 G#4:0.25 G#4:3", 19.0, 0.42, PIANO)
    return Score('Piano Sonata No. 14, "Moonlight"', "Ludwig van Beethoven", tuple(notes), lambda _: 54.0)


def _ode_to_joy() -> Score:
    a = "F#4 F#4 G4 A4 A4 G4 F#4 E4 D4 D4 E4 F#4 "
    first, second = a + "F#4:1.5 E4:0.5 E4:2 ", a + "E4:1.5 D4:0.5 D4:2 "
    middle = "E4 E4 F#4 D4 E4 F#4:0.5 G4:0.5 F#4 D4 E4 F#4:0.5 G4:0.5 F#4 E4 D4 E4 A3:2 "
    melody = first + second + middle + second
    chords = "DADADADAAAAADADD"  # one a bar
    tones = {"D": "D3 F#3 A3 D4", "A": "C#3 E3 A3 E4"}
    notes = list(_line(melody, 0, 0.72, STRINGS)) + list(_line(melody, 0, 0.6, STRINGS, 12))
    notes += [note for note in _line(melody, 0, 0.78, TRUMPET, 12) if note.start >= 32.0]
    for bar, chord in enumerate(chords):
        root = pitch("D2") if chord == "D" else pitch("A1")
        for eighth in range(8):
            at = 4.0 * bar + 0.5 * eighth
            notes += [Note(at, 0.4, pitch(name), 0.5, STRINGS) for name in tones[chord].split()]
            if eighth % 2 == 0:
                notes.append(Note(at, 0.9, root, 0.7, CONTRABASS))
        notes += [Note(4.0 * bar + beat, 0.9, root + 12, 0.75, TIMPANI) for beat in (0.0, 2.0, 3.5)]
    notes += [Note(64.0, 3.0, pitch(name), 0.85, STRINGS) for name in ("D3", "A3", "D4", "F#4", "D5")]
    return Score('Symphony No. 9, "Ode to Joy"', "Ludwig van Beethoven", tuple(notes), lambda _: 144.0)


def _mountain_king() -> Score:
    low = (
        "B2:.5 C#3:.5 D3:.5 E3:.5 F#3:.5 D3:.5 F#3 F3:.5 C#3:.5 F3 E3:.5 C3:.5 E3 "
        "B2:.5 C#3:.5 D3:.5 E3:.5 F#3:.5 D3:.5 F#3:.5 B3:.5 A3:.5 F#3:.5 D3:.5 F#3:.5 A3:2 "
    )
    high = (
        "F#3:.5 G#3:.5 A#3:.5 B3:.5 C#4:.5 A#3:.5 C#4 D4:.5 A#3:.5 D4 C#4:.5 A#3:.5 C#4 "
        "F#3:.5 G#3:.5 A#3:.5 B3:.5 C#4:.5 A#3:.5 C#4 D4:.5 A#3:.5 D4 C#4:2 "
    )
    tune = low + low + high + low
    rounds = [(0.0, 0, 0.55), (64.0, 12, 0.85)]
    notes: list[Note] = []
    for start, shift, velocity in rounds:
        notes += _line(tune, start, velocity, PIZZICATO, shift)
        notes += _line(tune, start, velocity, BASSOON, shift)
        for beat in range(64):
            fifth = 32 <= beat < 48
            root = pitch("F#2") if fifth else pitch("B1")
            notes.append(Note(start + beat, 0.4, root, velocity, CONTRABASS))
            chord = ("A#3", "C#4", "F#4") if fifth else ("B3", "D4", "F#4")
            notes += [Note(start + beat + 0.5, 0.3, pitch(name), 0.8 * velocity, STRINGS) for name in chord]
            if shift and beat % 2 == 0:
                notes.append(Note(start + beat, 0.5, root, 0.9, TIMPANI))
    return Score("In the Hall of the Mountain King", "Edvard Grieg", tuple(notes), lambda beat: 150.0 + 0.9 * beat)


SCORES: Final[dict[str, Callable[[], Score]]] = {
    "ode_to_joy": _ode_to_joy,
    "mountain_king": _mountain_king,
    "moonlight": _moonlight,
    "prelude_in_c": _prelude_in_c,
}
