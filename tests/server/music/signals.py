"""Sounds whose tempo, key and level are known, made of sines, and sounds that have neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luce.server.music.spectra import SAMPLE_RATE, FloatArray

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def tone(note: float, seconds: float, decay: float = 3.0, harmonics: int = 5) -> FloatArray:
    """A struck string: harmonics that fall as 1 / n, decaying."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((note - 69) / 12)
    parts = [np.sin(2 * np.pi * frequency * n * times) / n for n in range(1, harmonics + 1) if frequency * n < 10000]
    result: FloatArray = (np.exp(-decay * times) * np.sum(parts, axis=0) * np.minimum(times / 0.005, 1)).astype(
        np.float32
    )
    return result


def mix(notes: Sequence[tuple[float, float, FloatArray]], seconds: float) -> FloatArray:
    """Add sounds given as (start in seconds, gain, samples)."""
    result = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for start, gain, sound in notes:
        first = round(start * SAMPLE_RATE)
        part = sound[: result.size - first]
        result[first : first + part.size] += gain * part
    return result


def progression(
    tonic: int, mode: str, bpm: float, seconds: float, gain: float = 0.06, decay: float = 3.0
) -> FloatArray:
    """I-IV-V-I in a key (with the leading tone in minor): a bass note and a chord every beat, four beats a chord.

    The first beat of four is louder.
    """
    scale = MAJOR if mode == "major" else MINOR
    third = {0: scale[2], 5: scale[5] - 5, 7: 4}
    notes: list[tuple[float, float, FloatArray]] = []
    for beat in range(int(seconds * bpm / 60)):
        degree = (0, 5, 7, 0)[beat // 4 % 4]
        accent = 1.6 if beat % 4 == 0 else 1.0
        for note in (48 + degree, 60 + degree, 60 + degree + third[degree], 60 + degree + 7):
            notes.append((beat * 60 / bpm, gain * accent, tone(note + tonic, min(60 / bpm, 2.0), decay)))
    return mix(notes, seconds)


def noise(seconds: float, seed: int = 0, gain: float = 0.1) -> FloatArray:
    """White noise."""
    result: FloatArray = (gain * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(
        np.float32
    )
    return result


def sine(frequency: float, seconds: float, gain: float = 0.3) -> FloatArray:
    """One steady sine."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    result: FloatArray = (gain * np.sin(2 * np.pi * frequency * times)).astype(np.float32)
    return result


def babble(seconds: float, seed: int = 0) -> FloatArray:
    """Like speech: a gliding voice of 24 harmonics in syllables of 0.1 to 0.35 s, with hiss between them."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    knots = np.arange(0, seconds + 1, 0.25)
    pitch = 120 * 2 ** np.interp(times, knots, generator.normal(0, 0.25, knots.size))
    syllables = np.cumsum(generator.uniform(0.1, 0.35, int(10 * seconds) + 2))
    loud = np.interp(times, syllables, generator.uniform(0, 1, syllables.size) ** 2)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = np.sum([np.sin(n * phase) / n for n in range(1, 25)], axis=0)
    hiss = generator.standard_normal(times.size)
    result: FloatArray = (0.1 * voice * loud + 0.02 * hiss * (1 - loud)).astype(np.float32)
    return result
