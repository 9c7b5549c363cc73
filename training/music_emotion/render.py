"""MIDI to audio, on several instruments, as if through different rooms and microphones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pretty_midi
import scipy.fft
import scipy.signal
import tinysoundfont

from luce.server.music.spectra import SAMPLE_RATE, FloatArray

#: The General MIDI sound font inside the pretty_midi wheel (GPL-2; used where it lies, never copied).
SOUND_FONT = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")

#: General MIDI programs a piece may be played on: pianos, harpsichord, vibraphone, organ, guitar, strings, choir,
#: brass, flute, square wave.
PROGRAMS = (0, 0, 1, 4, 6, 11, 19, 24, 48, 49, 52, 61, 73, 80)


@dataclass(frozen=True)
class Performance:
    """How a piece is played.

    Attributes:
        program: General MIDI program of all pitched parts; None keeps the file's own.
        transpose: semitones up.
        velocity: factor on every note's velocity.
        sound_font: General MIDI sound font.
    """

    program: int | None = None
    transpose: int = 0
    velocity: float = 1.0
    sound_font: Path = SOUND_FONT


def random_performance(generator: np.random.Generator) -> Performance:
    """Draw an instrument, a small transposition and a touch."""
    return Performance(
        program=int(generator.choice(PROGRAMS)),
        transpose=int(generator.integers(-2, 3)),
        velocity=float(generator.uniform(0.7, 1.15)),
    )


def render(midi: pretty_midi.PrettyMIDI, start: float, seconds: float, how: Performance) -> FloatArray:
    """Play ``seconds`` of a MIDI file from ``start``: mono float32 at 22050 Hz, with half a second of decay."""
    synth, font = _synth(how.sound_font)
    events: list[tuple[float, bool, int, int, int]] = []
    for index, part in enumerate(midi.instruments[:15]):
        channel = 9 if part.is_drum else index + (index >= 9)
        program = part.program if how.program is None or part.is_drum else how.program
        synth.program_select(channel, font, 128 if part.is_drum else 0, int(program), part.is_drum)
        for note in part.notes:
            if note.end <= start or note.start >= start + seconds:
                continue
            pitch = int(note.pitch) if part.is_drum else int(np.clip(note.pitch + how.transpose, 0, 127))
            velocity = int(np.clip(round(note.velocity * how.velocity), 1, 127))
            events.append((max(0.0, note.start - start), True, channel, pitch, velocity))
            events.append((min(seconds, note.end - start), False, channel, pitch, 0))
    # At one time, notes end before others begin: a repeated note is struck again.
    events.sort(key=lambda event: (event[0], event[1]))
    pieces, position = [], 0
    for time, is_on, channel, pitch, velocity in events:
        until = round(time * SAMPLE_RATE)
        if until > position:
            pieces.append(_generate(synth, until - position))
            position = until
        if is_on:
            synth.noteon(channel, pitch, velocity)
        else:
            synth.noteoff(channel, pitch)
    end = round((seconds + 0.5) * SAMPLE_RATE)
    pieces.append(_generate(synth, max(end - position, 1)))
    synth.sounds_off()
    return np.concatenate(pieces)


@lru_cache(maxsize=8)
def _synth(sound_font: Path) -> tuple[tinysoundfont.Synth, int]:
    """A silent synthesizer with the font loaded, which takes seconds for a large one."""
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE, gain=-6)
    return synth, synth.sfload(str(sound_font))


def _generate(synth: tinysoundfont.Synth, count: int) -> FloatArray:
    stereo = np.frombuffer(synth.generate(count), np.float32).reshape(-1, 2)
    result: FloatArray = stereo.mean(axis=1)
    return result


def augment(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Change level, tone, room and noise floor at random, and nothing that should change how the music feels."""
    spectrum = scipy.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE), 20) / 20)
    knots = np.linspace(0, octaves.max(), 6)
    gains = generator.normal(0, 3.5, knots.size)
    if generator.random() < 0.3:
        gains[-1] -= generator.uniform(10, 30)
    shaped = scipy.fft.irfft(spectrum * 10 ** (np.interp(octaves, knots, gains) / 20), samples.size)
    if generator.random() < 0.6:
        shaped = _reverberate(shaped, generator)
    shaped *= 10 ** (generator.uniform(-30, -10) / 20) / max(float(np.sqrt(np.mean(np.square(shaped)))), 1e-6)
    noise = np.cumsum(generator.standard_normal(samples.size)) * 0.02 + generator.standard_normal(samples.size)
    noise = scipy.signal.sosfilt(scipy.signal.butter(1, 30, "high", fs=SAMPLE_RATE, output="sos"), noise)
    level = 10 ** (generator.uniform(-90, -45) / 20)
    mixed = shaped + noise * (level / float(noise.std()))
    result: FloatArray = np.clip(mixed, -1, 1).astype(np.float32)
    return result


def _reverberate(dry: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Convolve with an exponentially decaying noise of 0.2 to 2 s."""
    decay = generator.uniform(0.2, 2.0)
    times = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
    response = generator.standard_normal(times.size) * 10 ** (-3 * times / decay)
    response /= np.sqrt(np.square(response).sum())
    wet = scipy.signal.oaconvolve(dry, response)[: dry.size]
    share = generator.uniform(0.05, 0.4)
    result: FloatArray = ((1 - share) * dry + share * wet).astype(np.float32)
    return result
