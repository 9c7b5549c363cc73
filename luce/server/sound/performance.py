"""What is to be played: notes in seconds, each on its instrument."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import mido
import numpy as np
import numpy.typing as npt

DRUMS: Final = 128
"""In place of a program: the drum kit."""

_DRUM_CHANNEL: Final = 9
_DEFAULT_TEMPO: Final = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """The notes of a piece, in any order.

    Attributes:
        onset_s: (N,) float64, seconds.
        offset_s: (N,) float64, seconds; not before the onset.
        pitch: (N,) int16, MIDI number, 0..127.
        velocity: (N,) int16, 1..127.
        program: (N,) int16, General MIDI program 0..127, or `DRUMS`.
    """

    onset_s: npt.NDArray[np.float64]
    offset_s: npt.NDArray[np.float64]
    pitch: npt.NDArray[np.int16]
    velocity: npt.NDArray[np.int16]
    program: npt.NDArray[np.int16]

    @classmethod
    def of(cls, rows: list[tuple[float, float, int, int, int]]) -> Performance:
        """From rows of onset, offset, pitch, velocity and program."""
        table = np.array(rows, np.float64).reshape(-1, 5)
        whole = table[:, 2:].astype(np.int16)
        return cls(table[:, 0], table[:, 1], whole[:, 0], whole[:, 1], whole[:, 2])

    @property
    def count(self) -> int:
        """How many notes there are."""
        return int(self.onset_s.size)

    @property
    def seconds(self) -> float:
        """Where the last note ends; 0 without notes."""
        return float(self.offset_s.max()) if self.count else 0.0

    def where(self, chosen: npt.NDArray[np.bool_]) -> Performance:
        """Some of the notes."""
        return Performance(
            self.onset_s[chosen], self.offset_s[chosen], self.pitch[chosen], self.velocity[chosen], self.program[chosen]
        )


def read_performance(midi: bytes) -> Performance:
    """The notes of a MIDI file that we wrote: controllers are not read, and nothing is checked.

    Files from outside go through `luce.server.music.midi`.
    """
    file = mido.MidiFile(file=io.BytesIO(midi))
    ticks: list[tuple[int, int, Any]] = []
    for index, track in enumerate(file.tracks):
        tick = 0
        for message in track:
            tick += message.time
            ticks.append((tick, index, message))
    # Stable: of two messages of one track at one tick the first comes first.
    ticks.sort(key=lambda event: event[0])
    rows: list[tuple[float, float, int, int, int]] = []
    sounding: dict[tuple[int, int, int], list[tuple[float, int, int]]] = {}
    programs: dict[tuple[int, int], int] = {}
    now, seconds, tempo = 0, 0.0, _DEFAULT_TEMPO
    for tick, track_index, message in ticks:
        seconds += (tick - now) * tempo / file.ticks_per_beat / 1e6
        now = tick
        if message.type == "set_tempo":
            tempo = message.tempo
        elif message.type == "program_change":
            programs[track_index, message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            key = (track_index, message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                program = DRUMS if message.channel == _DRUM_CHANNEL else programs.get(key[:2], 0)
                sounding.setdefault(key, []).append((seconds, message.velocity, program))
            elif begun := sounding.get(key):
                onset, velocity, program = begun.pop(0)
                rows.append((onset, seconds, message.note, velocity, program))
    for (_, _, note), begun in sounding.items():
        rows += [(onset, seconds, note, velocity, program) for onset, velocity, program in begun]
    return Performance.of(sorted(rows))
