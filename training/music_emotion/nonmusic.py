"""Sounds that are not music, for the model to learn that it does not know how they feel."""

from __future__ import annotations

import numpy as np
import scipy.fft

from luce.server.music.spectra import SAMPLE_RATE, FloatArray

#: Length of one sound.
SECONDS = 10.0

_COUNT = round(SECONDS * SAMPLE_RATE)


def coloured_noise(generator: np.random.Generator) -> FloatArray:
    """Noise of a random slope (-9 to +3 dB an octave), hard-clipped at times, at times in gusts."""
    spectrum = scipy.fft.rfft(generator.standard_normal(_COUNT))
    octaves = np.log2(np.maximum(np.arange(spectrum.size), 20) / 1000)
    samples = scipy.fft.irfft(spectrum * 10 ** (generator.uniform(-9, 3) * octaves / 20), _COUNT)
    if generator.random() < 0.3:
        samples = np.clip(samples / samples.std(), -0.3, 0.3)
    if generator.random() < 0.4:
        knots = np.interp(np.arange(_COUNT), np.linspace(0, _COUNT, 60), generator.uniform(0, 1, 60) ** 2)
        samples = samples * knots
    result: FloatArray = samples.astype(np.float32)
    return result


def steady_tones(generator: np.random.Generator) -> FloatArray:
    """One to three steady tones with few harmonics: hums, beeps, dial tones."""
    times = np.arange(_COUNT) / SAMPLE_RATE
    samples = np.zeros(_COUNT)
    for _ in range(generator.integers(1, 4)):
        frequency = 40 * 2 ** generator.uniform(0, 6.5)
        for harmonic in range(1, int(generator.integers(2, 6))):
            samples += np.sin(2 * np.pi * frequency * harmonic * times) / harmonic ** generator.uniform(1, 2)
    result: FloatArray = samples.astype(np.float32)
    return result


def impulses(generator: np.random.Generator) -> FloatArray:
    """Clicks at random times, from one to some hundred, dry or through a short room."""
    samples = np.zeros(_COUNT)
    count = int(10 ** generator.uniform(0, 2.3))
    samples[generator.integers(0, _COUNT, count)] = generator.normal(0, 1, count)
    length = int(10 ** generator.uniform(0, 3.5))
    response = generator.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
    result: FloatArray = np.convolve(samples, response)[:_COUNT].astype(np.float32)
    return result


def babble(generator: np.random.Generator) -> FloatArray:
    """Like talk: gliding voices in syllables, with two formants."""
    times = np.arange(_COUNT) / SAMPLE_RATE
    samples = 0.02 * generator.standard_normal(_COUNT)
    for _ in range(int(generator.integers(1, 4))):
        knots = np.linspace(0, SECONDS, 40)
        pitch = generator.uniform(90, 250) * 2 ** np.interp(times, knots, generator.normal(0, 0.25, knots.size))
        edges = np.cumsum(generator.uniform(0.08, 0.35, 140))
        loud = np.interp(times, edges, generator.uniform(0, 1, edges.size) ** 2)
        formants = [np.interp(times, edges, generator.uniform(*span, edges.size)) for span in ((300, 900), (900, 2500))]
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        for harmonic in range(1, 20):
            strength = sum(np.exp(-0.5 * np.square((pitch * harmonic - formant) / 150)) for formant in formants)
            samples += loud * (strength + 0.2 / harmonic) * np.sin(harmonic * phase)
    result: FloatArray = samples.astype(np.float32)
    return result


def sound(generator: np.random.Generator) -> FloatArray:
    """One of the kinds above at a random level: mono float32 at 22050 Hz, 10 s."""
    kind = (coloured_noise, coloured_noise, steady_tones, impulses, babble)[generator.integers(5)]
    samples = kind(generator)
    level = 10 ** (generator.uniform(-50, -5) / 20)
    scaled = samples * (level / max(float(np.sqrt(np.mean(np.square(samples)))), 1e-9))
    result: FloatArray = np.clip(scaled, -1, 1).astype(np.float32)
    return result
