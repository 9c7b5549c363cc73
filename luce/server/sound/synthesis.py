"""Notes into stereo sound by a sound font, block by block (tinysoundfont, MIT)."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import tinysoundfont

from luce.server.sound.performance import DRUMS, Performance

FloatArray = npt.NDArray[np.float32]

# The drum channel of General MIDI, and what is left for the others.
_DRUM_CHANNEL: Final = 9
_CHANNELS: Final = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
# Places of the instruments from left to right, in order of their first note; controller 10, 64 is the middle.
_PLACES: Final = (64, 48, 80, 40, 88, 56, 72, 32, 96, 52, 76, 44, 84, 60, 68)
_PAN_CONTROLLER: Final = 10
# Headroom before the loudness is set, dB.
_GAIN_DB: Final = -9.0
# The synthesiser holds Python's lock while it plays: at most so many samples in one go, about 2 ms of work.
_BLOCK: Final = 8192


class Synthesizer:
    """Plays notes in order of time. Not for several threads at once.

    Args:
        font: Sound font.
        sample_rate: Hz.
        max_voices: Tones at once.
    """

    def __init__(self, font: Path, sample_rate: int, max_voices: int) -> None:
        self._synth = tinysoundfont.Synth(gain=_GAIN_DB, samplerate=sample_rate)
        self._font = self._synth.sfload(str(font), max_voices=max_voices)
        self._sample_rate = sample_rate
        self._channels: dict[int, int] = {}
        self._events: list[tuple[int, int, int, int, int]] = []
        self._sounding: dict[tuple[int, int], int] = {}
        self._position = 0

    def add(self, notes: Performance) -> None:
        """Notes to be played; what begins before the present position begins now."""
        # Channels are given away in order of time, so that the same piece always sounds the same.
        for index in np.lexsort((notes.pitch, notes.program, notes.onset_s)):
            channel = self._channel(int(notes.program[index]))
            pitch, velocity = int(notes.pitch[index]), int(notes.velocity[index])
            begin = max(self._position, round(float(notes.onset_s[index]) * self._sample_rate))
            end = max(begin + 1, round(float(notes.offset_s[index]) * self._sample_rate))
            # At one time, notes end before others begin: a repeated note is struck again.
            heapq.heappush(self._events, (begin, 1, channel, pitch, velocity))
            heapq.heappush(self._events, (end, 0, channel, pitch, 0))

    def play(self, until: int) -> FloatArray:
        """The sound from the present position to a sample, (n, 2)."""
        parts: list[FloatArray] = []
        while self._events and self._events[0][0] < until:
            at, begins, channel, pitch, velocity = heapq.heappop(self._events)
            parts += self._generate(at)
            self._strike(channel, pitch, velocity) if begins else self._release(channel, pitch)
        parts += self._generate(until)
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)

    def _strike(self, channel: int, pitch: int, velocity: int) -> None:
        key = (channel, pitch)
        self._sounding[key] = self._sounding.get(key, 0) + 1
        self._synth.noteon(channel, pitch, velocity)

    def _release(self, channel: int, pitch: int) -> None:
        # Of two overlapping notes of one pitch the later end counts.
        key = (channel, pitch)
        self._sounding[key] = self._sounding.get(key, 1) - 1
        if self._sounding[key] <= 0:
            del self._sounding[key]
            self._synth.noteoff(channel, pitch)

    def _generate(self, until: int) -> list[FloatArray]:
        parts = []
        while self._position < until:
            count = min(_BLOCK, until - self._position)
            parts.append(np.frombuffer(self._synth.generate(count), np.float32).reshape(-1, 2).copy())
            self._position += count
        return parts

    def _channel(self, program: int) -> int:
        """The channel of a program; past fifteen programs the last channel takes turns."""
        if program not in self._channels:
            if program == DRUMS:
                self._channels[program] = _DRUM_CHANNEL
                self._synth.program_select(_DRUM_CHANNEL, self._font, 128, 0, True)
                return _DRUM_CHANNEL
            place = min(sum(known != DRUMS for known in self._channels), len(_CHANNELS) - 1)
            self._channels[program] = channel = _CHANNELS[place]
            self._synth.program_select(channel, self._font, 0, program, False)
            self._synth.control_change(channel, _PAN_CONTROLLER, _PLACES[place])
        return self._channels[program]
