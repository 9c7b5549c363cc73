"""Single instruments: windows of one part on one program, to be laid over each other while training.

Powers add, so a few hundred stems make any number of ensembles whose instruments are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pretty_midi

from luce.server.music.log_mel import WINDOW_SECONDS
from luce.server.music.spectra import SAMPLE_RATE
from training.audio_encoder import programs, sources
from training.audio_encoder.arranging import Notes, cut, drum_part, heard, play, split_voices
from training.music_emotion.render import Performance, render

#: Windows of each program and sound font, and of drum kits.
EACH, KITS = 20, 150
_SOURCES = ("pop909/", "emopia/", "midi_classical/")
_BASS, _MELODIC = ("bass",), ("violin", "cello", "flute", "saxophone", "woodwind", "harmonica", "brass")


def stems(data: Path, fonts: sources.Fonts, share: sources.Share) -> Iterator[sources.Sound]:
    """Stems of pieces that are trained on, on every program of every known font."""
    random = np.random.default_rng(11)
    pieces = _pieces(data, random)
    wanted = [
        (label, program, font)
        for label, numbers in programs.PROGRAMS.items()
        for program in numbers
        for font in fonts.known
        for _ in range(EACH)
    ]
    wanted += [(programs.DRUMS, 0, fonts.known[index % len(fonts.known)]) for index in range(KITS)]
    for index, (label, program, font) in enumerate(wanted):
        generator = np.random.default_rng(1000 + index)
        if not share.has(index):
            continue
        part = _drums(generator) if label == programs.DRUMS else _part(label, program, pieces, generator)
        midi = pretty_midi.PrettyMIDI()
        midi.instruments.append(part)
        samples = render(midi, 0.0, WINDOW_SECONDS, Performance(sound_font=font))
        samples = samples[: round(WINDOW_SECONDS * SAMPLE_RATE)]
        if float(np.sqrt(np.mean(np.square(samples)))) < 1e-4:
            continue
        known = sources.music_labels() | sources.instrument_labels((label,))
        yield sources.Sound(samples, known, f"stem/{index}", f"stem/{label}", "train", taught=False)


def _pieces(data: Path, random: np.random.Generator, count: int = 60) -> list[Notes]:
    """Notes of some training pieces."""
    jobs = [job for job in sources.jobs(data) if job[1] == "train" and job[0].startswith(_SOURCES)]
    found: list[Notes] = []
    for place in random.permutation(len(jobs)):
        notes = sources.quiet_notes(jobs[int(place)])
        if len(notes) > 100:
            found.append(notes)
        if len(found) == count:
            break
    return found


def _part(label: str, program: int, pieces: list[Notes], generator: np.random.Generator) -> pretty_midi.Instrument:
    """A line for what plays lines, chords and all for what plays these."""
    while True:
        notes = pieces[int(generator.integers(len(pieces)))]
        start = float(generator.uniform(0, max(notes[-1].end - WINDOW_SECONDS, 0.01)))
        inside = cut(notes, start)
        melody, middle, bass = split_voices(inside) if inside else ([], [], [])
        if label in _BASS:
            chosen = bass
        elif label in _MELODIC:
            chosen = melody if generator.random() < 0.75 else inside
        else:
            chosen = (melody, middle, inside, inside)[int(generator.integers(4))]
        if heard(chosen):
            return play(label, program, chosen, generator)


def _drums(generator: np.random.Generator) -> pretty_midi.Instrument:
    beat = 60 / generator.uniform(65, 175)
    part = pretty_midi.Instrument(int(generator.choice([0, 0, 8, 16, 24, 25, 40])), is_drum=True)
    while not heard(part.notes):
        part.notes = drum_part(np.arange(-0.5, WINDOW_SECONDS + beat, beat).tolist(), generator)
    return part
