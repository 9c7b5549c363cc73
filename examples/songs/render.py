"""Renders the scores to Ogg Opus: `python -m examples.songs.render --soundfont FluidR3_GM.sf2`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import tinysoundfont
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from examples.songs.scores import SCORES, Score

SAMPLE_RATE: Final = 48000
HERE: Final = Path(__file__).parent


def seconds_at(score: Score, resolution: int = 24) -> Callable[[float], float]:
    """The time, seconds, at which each beat of the score falls, from the integral of its tempo."""
    last = max(note.start + note.length for note in score.notes)
    beats = np.arange(0.0, last + 1.0, 1.0 / resolution)
    steps = np.array([60.0 / score.tempo(float(beat)) / resolution for beat in beats])
    times = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    return lambda beat: float(np.interp(beat, beats, times))


def synthesise(score: Score, soundfont: Path) -> NDArray[np.float32]:
    """The score as stereo sound, float32 (samples, 2) at 48 kHz, peak 0.9, with the tail of a small hall."""
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE, gain=0)
    font = synth.sfload(str(soundfont))
    channels = {program: place for place, program in enumerate(sorted({note.program for note in score.notes}))}
    for program, channel in channels.items():
        synth.program_select(channel, font, 0, program)
    when = seconds_at(score)
    events = []
    for note in score.notes:
        channel = channels[note.program]
        events.append((when(note.start), 1, channel, note.pitch, note.velocity))
        events.append((when(note.start + note.length), 0, channel, note.pitch, 0.0))
    blocks, now = [], 0
    for time, on, channel, key, velocity in sorted(events):
        due = round(time * SAMPLE_RATE)
        if due > now:
            blocks.append(np.frombuffer(bytes(synth.generate(due - now)), dtype=np.float32).reshape(-1, 2))
            now = due
        if on:
            synth.noteon(channel, key, round(127 * velocity))
        else:
            synth.noteoff(channel, key)
    blocks.append(np.frombuffer(bytes(synth.generate(2 * SAMPLE_RATE)), dtype=np.float32).reshape(-1, 2))
    dry = np.concatenate(blocks)
    generator = np.random.default_rng(1)
    decay = np.exp(-np.arange(SAMPLE_RATE) / (0.28 * SAMPLE_RATE))
    hall = generator.standard_normal((SAMPLE_RATE, 2)) * decay[:, None] / np.sqrt(decay @ decay)
    wet = np.stack([fftconvolve(dry[:, side], hall[:, side])[: len(dry)] for side in (0, 1)], axis=1)
    sound = dry + 0.22 * wet
    return np.asarray(0.9 * sound / np.abs(sound).max(), dtype=np.float32)


def write_opus(sound: NDArray[np.float32], path: Path, score: Score, bit_rate: int = 64000) -> None:
    """Writes sound (samples, 2) at 48 kHz as Ogg Opus with title and composer."""
    with av.open(str(path), "w", format="ogg") as container:
        container.metadata.update({"title": score.title, "artist": score.composer})
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo", bit_rate=bit_rate)
        for start in range(0, len(sound), 960):
            block = np.zeros((960, 2), np.float32)
            part = sound[start : start + 960]
            block[: len(part)] = part
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Renders every score beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soundfont", type=Path, required=True)
    soundfont = parser.parse_args().soundfont
    for name, build in SCORES.items():
        score = build()
        sound = synthesise(score, soundfont)
        write_opus(sound, HERE / f"{name}.ogg", score)
        print(f"{name}.ogg: {len(sound) / SAMPLE_RATE:.1f} s")


if __name__ == "__main__":
    main()
