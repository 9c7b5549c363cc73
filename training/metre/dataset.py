"""Stretches whose metre and beat are known: of written notes, spoiled as a transcription spoils, and heard ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.errors import LuceError
from luce.server.music.metre import METRES, RATIOS
from luce.server.music.metre_features import metre_features
from luce.server.music.midi import MidiMusic, read_midi, steadiness_of
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from luce.server.music.pulse import Pulse, follow_pulse, joint_envelope, note_envelope
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import FAMILIES, KEEPS, SECONDS, TEMPI, by_hash, folk_files, pop_folders, pop_truth
from training.metre.heard import HeardStretch, Skipped

#: Pieces made up, and stretches drawn from each song, tune and file by metre: what is rare is drawn more often.
MADE_UP = 1000
SONG_STRETCHES = {"4/4": 3, "3/4": 24}
TUNE_STRETCHES = {"4/4": 3, "3/4": 14, "6/8": 4}
FILE_STRETCHES = {"4/4": 4, "3/4": 8, "6/8": 14}
#: Where the stretches of a song may begin, seconds.
_SONG_STARTS = (5.0, 150.0)
_FEWEST_NOTES = 20


@dataclass(frozen=True)
class Stretch:
    """Some 30 s of notes: where from, beats a minute, and the metre."""

    source: str
    notes: Notes
    bpm: float
    metre: str


@dataclass(frozen=True)
class Examples:
    """Features (N, 242), index of the metre (N,), index of the beat's ratio (N,), -1 where unknown; source (N,)."""

    features: FloatArray
    metre: npt.NDArray[np.int64]
    ratio: npt.NDArray[np.int64]
    source: npt.NDArray[np.str_]


def spoil(notes: Notes, generator: np.random.Generator) -> Notes:
    """Drop up to half of the notes, shift and shorten the others, and add octaves, neighbours and echoes of them."""
    kept = generator.random(notes.count) > generator.uniform(0, 0.5)
    count = int(kept.sum())
    onset = notes.onset_s[kept] + generator.normal(0, generator.uniform(0.004, 0.02), count)
    length = (notes.offset_s - notes.onset_s)[kept] * generator.uniform(0.6, 1.3)
    pitch, amplitude = notes.pitch[kept], generator.uniform(0.4, 0.9, count)
    more = int(generator.uniform(0, 0.6) * count)
    if more:
        origin = generator.integers(0, count, more)
        late = generator.exponential(0.15, more) * (generator.random(more) < 0.7)
        moved = pitch[origin] + generator.choice([12, 19, 24, -12, 7, 1, -1, 2, 0], more)
        onset = np.concatenate([onset, onset[origin] + late])
        length = np.concatenate([length, length[origin] * 0.5])
        pitch = np.concatenate([pitch, np.clip(moved, 21, 108)])
        amplitude = np.concatenate([amplitude, generator.uniform(0.4, 0.55, more)])
    onset = np.maximum(onset, 0)
    return Notes.sorted(onset, onset + np.maximum(length, 0.05), pitch, amplitude)


def pop_stretches(data: Path, skipped: Skipped, generator: np.random.Generator) -> Iterator[Stretch]:
    """Excerpts of POP909 at their own tempo."""
    for folder in pop_folders(data)[skipped.songs : skipped.songs_from]:
        midi = read_midi((folder / f"{folder.name}.mid").read_bytes())
        latest = min(_SONG_STARTS[1], midi.seconds - SECONDS)
        for _ in range(SONG_STRETCHES[pop_truth(folder).metre]):
            start = float(generator.uniform(_SONG_STARTS[0], max(latest, _SONG_STARTS[0])))
            truth = pop_truth(folder, start)
            yield Stretch("pop", midi.notes.between(start, start + SECONDS), truth.bpm, truth.metre)


def folk_stretches(data: Path, skipped: Skipped, generator: np.random.Generator) -> Iterator[Stretch]:
    """Nottingham tunes at random tempi."""
    for metre, paths in folk_files(data).items():
        for path in paths[skipped.tunes :]:
            midi = read_midi(path.read_bytes())
            for _ in range(TUNE_STRETCHES[metre]):
                bpm = float(np.exp(generator.uniform(*np.log(TEMPI[metre]))))
                factor = float(np.median(midi.tempo_bpm)) / (1.5 if metre == "6/8" else 1.0) / bpm
                notes = midi.notes
                moved = Notes(notes.onset_s * factor, notes.offset_s * factor, notes.pitch, notes.amplitude)
                start = float(generator.uniform(0, max(0.0, midi.seconds * factor - SECONDS)))
                yield Stretch("folk", moved.between(start, start + SECONDS), bpm, metre)


def classical_stretches(data: Path, skipped: Skipped, generator: np.random.Generator) -> Iterator[Stretch]:
    """Classical MIDI and VGMIDI whose notes keep to a written tempo and time signature."""
    files = by_hash(list((data / "midi_classical").glob("*.mid")))[: skipped.classical_from]
    for path in [*files, *sorted((data / "vgmidi" / "labelled").glob("*.mid"))]:
        try:
            midi = read_midi(path.read_bytes())
        except LuceError:
            continue
        if not midi.has_tempo or not midi.meters or midi.seconds < 20 or midi.notes.count > 15_000:
            continue
        if steadiness_of(midi) >= KEEPS:
            families = [FAMILIES.get((meter.numerator, meter.denominator)) for meter in midi.meters]
            for _ in range(max(FILE_STRETCHES[family] if family else 0 for family in families)):
                yield from _written(midi, generator)


def _written(midi: MidiMusic, generator: np.random.Generator) -> Iterator[Stretch]:
    start = float(generator.uniform(0, max(0.0, midi.seconds - SECONDS)))
    current = [meter for meter in midi.meters if meter.start_s <= start + SECONDS / 2] or [midi.meters[0]]
    metre = FAMILIES.get((current[-1].numerator, current[-1].denominator))
    beats = midi.beat_times[(midi.beat_times >= start) & (midi.beat_times < start + SECONDS)]
    if metre is not None and beats.size >= 8:
        bpm = 60 / float(np.median(np.diff(beats)))
        yield Stretch("written", midi.notes.between(start, start + SECONDS), bpm, metre)


def made_up_stretches(generator: np.random.Generator) -> Iterator[Stretch]:
    """Slow broken chords, three or four notes a beat, over a bass and under a melody of a few long notes."""
    for _ in range(MADE_UP):
        parts = int(generator.choice([3, 4]))
        bar = 4 if parts == 4 else int(generator.choice([2, 4]))
        bpm = float(generator.uniform(42, 92))
        rows: list[tuple[float, float, int, float]] = []
        root = int(generator.integers(48, 60))
        for beat in range(int(SECONDS * bpm / 60)):
            if beat % bar == 0:
                chord = (
                    root + int(generator.choice([0, 5, 7, 9, 2])) + np.array([0, 4 - int(generator.integers(2)), 7, 12])
                )
                order = generator.permutation(4)[:parts] if generator.random() < 0.2 else np.arange(parts)
            if beat % bar == 0 or (beat % 2 == 0 and generator.random() < 0.4):
                rows.append((float(beat), float(bar), int(chord[0]) - 12, 0.6))
            rows += [(beat + k / parts, 1 / parts, int(chord[step]), 0.5) for k, step in enumerate(order)]
            if generator.random() < 0.35:
                rows.append((float(beat), float(generator.integers(1, 4)), int(chord[generator.integers(4)]) + 12, 0.6))
        onset, length, pitch, amplitude = (np.array(column) for column in zip(*rows, strict=True))
        beat_s = 60 / bpm
        notes = Notes.sorted(onset * beat_s, (onset + length) * beat_s, pitch, amplitude)
        yield Stretch("made_up", notes, bpm, "4/4" if parts == 4 else "6/8")


class _Rows:
    """Examples in the making."""

    def __init__(self) -> None:
        self._features: list[FloatArray] = []
        self._labels: list[tuple[int, int, str]] = []

    def add(self, notes: Notes, pulse: Pulse, bpm: float, metre: str, source: str) -> None:
        """Describe how the notes repeat."""
        near = np.abs(60 / bpm / pulse.period / np.array(RATIOS) - 1)
        ratio = int(near.argmin()) if near.min() < 0.05 else -1
        self._features.append(metre_features(notes, pulse))
        self._labels.append((METRES.index(metre), ratio, source))

    def examples(self) -> Examples:
        """All of them."""
        metre, ratios, source = zip(*self._labels, strict=True)
        return Examples(np.stack(self._features), np.array(metre), np.array(ratios), np.array(source))


def collect(stretches: Iterable[Stretch], generator: np.random.Generator) -> Examples:
    """Spoil written stretches, follow their pulse, and describe how they repeat."""
    rows = _Rows()
    for stretch in stretches:
        if stretch.notes.count < _FEWEST_NOTES:
            continue
        notes = spoil(stretch.notes, generator)
        if notes.count < _FEWEST_NOTES:
            continue
        frames = int((float(notes.offset_s.max()) + 0.5) * ONSET_FRAMES_PER_SECOND) + 1
        rows.add(notes, follow_pulse(note_envelope(notes, frames)), stretch.bpm, stretch.metre, stretch.source)
    return rows.examples()


def collect_heard(stretches: Iterable[HeardStretch]) -> Examples:
    """Follow the pulse of what was heard, and describe how it repeats."""
    rows = _Rows()
    for stretch in stretches:
        if stretch.notes.count >= _FEWEST_NOTES:
            pulse, truth = follow_pulse(joint_envelope(stretch.envelope, stretch.notes)), stretch.truth
            source = f"heard {truth.name.partition('/')[0]}"
            rows.add(stretch.notes, pulse, truth.bpm, truth.metre, source)
    return rows.examples()


def joined(*parts: Examples) -> Examples:
    """All examples of several sets."""
    return Examples(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)))
