"""Spoken sentences by espeak-ng, where it is installed: what is not music but is often taken for it."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np

from luce.server.music.spectra import SAMPLE_RATE, FloatArray

#: Voices that are learned from, and those kept for the test.
VOICES = ("en-us", "en-gb+f3", "en-us+m3", "de", "fr+f2", "es", "it+m1", "en-gb+f5", "pl", "ru+f1", "pt", "en-us+f1")
HELD_OUT_VOICES = ("en-us+f4", "en-gb-scotland+m7", "nl")

_TIMEOUT_S = 20


def available() -> bool:
    """Whether espeak-ng is there."""
    return shutil.which("espeak-ng") is not None


def speak(text: str, voice: str, generator: np.random.Generator) -> FloatArray:
    """A text at a random speed and pitch: mono float32 at 22050 Hz."""
    words, pitch = str(int(generator.integers(110, 210))), str(int(generator.integers(20, 80)))
    command = ["espeak-ng", "-v", voice, "-s", words, "-p", pitch, "--stdout", "--", text]
    spoken = subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_S)
    with wave.open(io.BytesIO(spoken.stdout)) as file:
        if file.getframerate() != SAMPLE_RATE:
            raise ValueError(f"espeak-ng speaks at {file.getframerate()} Hz, expected {SAMPLE_RATE}")
        frames = file.readframes(2**31 - 1)
    return (np.frombuffer(frames, np.int16) / np.float32(32768)).astype(np.float32)
