"""Stretches whose metre and beats are known, as the network reads them: written ones, spoiled, and heard ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.errors import LuceError
from luce.server.music.metre import METRES, RATIOS
from luce.server.music.metre_features import metre_features
from luce.server.music.metre_layout import lay_out
from luce.server.music.metre_network import FRAMES
from luce.server.music.midi import read_midi, steadiness_of
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from luce.server.music.pulse import Pulse, follow_pulse, joint_envelope, note_envelope
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import FAMILIES, KEEPS, SECONDS, TEMPI, pop_truth
from training.metre.beats import Beats, pop_beats, written_beats
from training.metre.heard import HeardStretch
from training.metre.pieces import Pieces

#: Pieces made up, and stretches drawn from each song, tune and file by metre: what is rare is drawn more often.
MADE_UP = 1000
SONG_STRETCHES = {"4/4": 2, "3/4": 24}
TUNE_STRETCHES = {"4/4": 3, "3/4": 14, "6/8": 4}
FILE_STRETCHES = {"4/4": 3, "3/4": 10, "6/8": 16}
#: Pulses that the one that was found is exchanged for, in its lengths, and between which lengths (seconds).
GRIDS = (1 / 2, 2.0, 2 / 3, 3 / 2, 1 / 3, 3.0)
_PERIODS = (0.12, 2.0)
#: Where the stretches of a song may begin, seconds, and how much faster or slower files are played, in logarithms.
_SONG_STARTS, _SPEED = (5.0, 150.0), 0.25
_FEWEST_NOTES = 20


@dataclass(frozen=True)
class Stretch:
    """Some 30 s of notes: where from, beats a minute, the metre, and the beats where they are known."""

    source: str
    notes: Notes
    bpm: float
    metre: str
    beats: Beats | None


@dataclass(frozen=True)
class Example:
    """What the network reads and should say.

    Attributes:
        source: where it is from.
        layout: (29, T) float16.
        features: (242,) float32.
        metre: index of the metre.
        ratio: index of the beat's ratio, -1 where it is none of them.
        marks: (2, T / 2) int8, 1 at beats and at first beats of bars; -1 where they are not known.
    """

    source: str
    layout: npt.NDArray[np.float16]
    features: FloatArray
    metre: int
    ratio: int
    marks: npt.NDArray[np.int8]


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


def pop_stretches(songs: Iterable[Path], generator: np.random.Generator) -> Iterator[Stretch]:
    """Excerpts of POP909 at their own tempo."""
    for folder in songs:
        midi = read_midi((folder / f"{folder.name}.mid").read_bytes())
        latest = min(_SONG_STARTS[1], midi.seconds - SECONDS)
        for _ in range(SONG_STRETCHES[pop_truth(folder).metre]):
            start = float(generator.uniform(_SONG_STARTS[0], max(latest, _SONG_STARTS[0])))
            truth = pop_truth(folder, start)
            notes = midi.notes.between(start, start + SECONDS)
            yield Stretch("pop", notes, truth.bpm, truth.metre, pop_beats(folder, start, truth.metre))


def folk_stretches(tunes: dict[str, list[Path]], generator: np.random.Generator) -> Iterator[Stretch]:
    """Nottingham tunes at random tempi."""
    for metre, paths in tunes.items():
        for path in paths:
            midi = read_midi(path.read_bytes())
            for _ in range(TUNE_STRETCHES[metre]):
                bpm = float(np.exp(generator.uniform(*np.log(TEMPI[metre]))))
                factor = float(np.median(midi.tempo_bpm)) / (1.5 if metre == "6/8" else 1.0) / bpm
                start = float(generator.uniform(0, max(0.0, midi.seconds * factor - SECONDS)))
                notes = _at_speed(midi.notes, factor).between(start, start + SECONDS)
                yield Stretch("folk", notes, bpm, metre, written_beats(midi, start, factor))


def file_stretches(files: Iterable[Path], generator: np.random.Generator) -> Iterator[Stretch]:
    """MIDI files whose notes keep to a written tempo and time signature, faster and slower."""
    for path in files:
        try:
            midi = read_midi(path.read_bytes())
        except LuceError:
            continue
        if not midi.has_tempo or not midi.meters or midi.seconds < 20 or midi.notes.count > 15_000:
            continue
        if steadiness_of(midi) < KEEPS:
            continue
        families = [FAMILIES.get((meter.numerator, meter.denominator)) for meter in midi.meters]
        for _ in range(max(FILE_STRETCHES[family] if family else 0 for family in families)):
            factor = float(np.exp(generator.uniform(-_SPEED, _SPEED)))
            start = float(generator.uniform(0, max(0.0, midi.seconds * factor - SECONDS)))
            begun = [meter for meter in midi.meters if meter.start_s * factor <= start + SECONDS / 2]
            current = (begun or [midi.meters[0]])[-1]
            metre = FAMILIES.get((current.numerator, current.denominator))
            known = written_beats(midi, start, factor)
            if metre is not None and known.beats.size >= 8:
                bpm = 60 / float(np.median(np.diff(known.beats)))
                notes = _at_speed(midi.notes, factor).between(start, start + SECONDS)
                yield Stretch("vgmidi" if "vgmidi" in path.parts else "classical", notes, bpm, metre, known)


def _at_speed(notes: Notes, factor: float) -> Notes:
    return Notes(notes.onset_s * np.float32(factor), notes.offset_s * np.float32(factor), notes.pitch, notes.amplitude)


def made_up_stretches(generator: np.random.Generator, count: int = MADE_UP) -> Iterator[Stretch]:
    """Slow broken chords, three or four notes a beat, over a bass and under a melody of a few long notes."""
    for _ in range(count):
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
        yield Stretch("made_up", notes, bpm, "4/4" if parts == 4 else "6/8", None)


def written_stretches(pieces: Pieces, generator: np.random.Generator) -> Iterator[Stretch]:
    """Of everything that is written."""
    yield from pop_stretches(pieces.songs, generator)
    yield from folk_stretches(pieces.tunes, generator)
    yield from file_stretches(pieces.files, generator)
    yield from made_up_stretches(generator)


def spoiled_examples(
    stretches: Iterable[Stretch], generator: np.random.Generator, own: float = 1.0
) -> Iterator[Example]:
    """Spoil written stretches and follow their pulse; a share of ``own`` keep it, others get one of :data:`GRIDS`."""
    for stretch in stretches:
        if stretch.notes.count < _FEWEST_NOTES:
            continue
        notes = spoil(stretch.notes, generator)
        if notes.count < _FEWEST_NOTES:
            continue
        frames = int((float(notes.offset_s.max()) + 0.5) * ONSET_FRAMES_PER_SECOND) + 1
        pulse = follow_pulse(note_envelope(notes, frames))
        times = 1.0 if generator.random() < own else float(generator.choice(GRIDS))
        grid = _exchanged(pulse, times) or pulse
        yield _example(stretch.source, notes, grid, stretch.bpm, stretch.metre, stretch.beats)


def heard_examples(stretches: Iterable[HeardStretch]) -> Iterator[Example]:
    """Follow the pulse of what was heard; an example on its grid, and one on each of :data:`GRIDS`."""
    for heard in stretches:
        if heard.notes.count >= _FEWEST_NOTES:
            pulse, truth = follow_pulse(joint_envelope(heard.envelope, heard.notes)), heard.truth
            grids = [pulse, *(_exchanged(pulse, times) for times in GRIDS)]
            source = f"heard {truth.name.partition('/')[0]}"
            for grid in grids:
                if grid is not None:
                    yield _example(source, heard.notes, grid, truth.bpm, truth.metre, heard.beats)


def _exchanged(pulse: Pulse, times: float) -> Pulse | None:
    low, high = _PERIODS
    return Pulse(pulse.times, pulse.periods * times) if low < pulse.period * times < high else None


def _example(source: str, notes: Notes, pulse: Pulse, bpm: float, metre: str, beats: Beats | None) -> Example:
    near = np.abs(60 / bpm / pulse.period / np.array(RATIOS) - 1)
    ratio = int(near.argmin()) if near.min() < 0.05 else -1
    layout = lay_out(notes, pulse)
    marks = np.full((2, layout.shape[1] // 2), -1, np.int8)
    if beats is not None:
        marks[:] = 0
        first = float(pulse.phase(notes.onset_s[0]))
        for row, times in enumerate((beats.beats, beats.bars)):
            places = np.rint((pulse.phase(times) - first) * FRAMES).astype(np.int64)
            marks[row, places[(places >= 0) & (places < marks.shape[1])]] = 1
    features = metre_features(notes, pulse)
    return Example(source, layout.astype(np.float16), features, METRES.index(metre), ratio, marks)
