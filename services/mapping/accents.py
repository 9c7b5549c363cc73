"""Accents: the notes next to given moments are struck harder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import mido

REACH_S: Final = 0.4
"""How far from a moment the notes may lie that are stressed, seconds; where none is so near, none is."""

_STRONGER: Final = 26
_TOGETHER_TICKS: Final = 12


def accented(midi: bytes, moments_s: Sequence[float], bpm: float) -> bytes:
    """A MIDI file of ours with the onset nearest to each moment stressed: all its notes, by 26 of 127.

    Args:
        midi: A file of one tempo.
        moments_s: Seconds.
        bpm: The tempo, quarter notes a minute.
    """
    file = mido.MidiFile(file=io.BytesIO(midi))
    ticks_a_second = bpm / 60 * file.ticks_per_beat
    struck = sorted({tick for track in file.tracks for tick, message in _timed(track) if _begins(message)})
    chosen = []
    for moment in moments_s:
        nearest = min(struck, key=lambda tick: abs(tick - moment * ticks_a_second), default=None)
        if nearest is not None and abs(nearest - moment * ticks_a_second) <= REACH_S * ticks_a_second:
            chosen.append(nearest)
    for track in file.tracks:
        for tick, message in _timed(track):
            if _begins(message) and any(abs(tick - place) <= _TOGETHER_TICKS for place in chosen):
                message.velocity = min(127, message.velocity + _STRONGER)
    target = io.BytesIO()
    file.save(file=target)
    return target.getvalue()


def _timed(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    tick, found = 0, []
    for message in track:
        tick += message.time
        found.append((tick, message))
    return found


def _begins(message: mido.Message) -> bool:
    return bool(message.type == "note_on" and message.velocity > 0)
