"""A score as it is played: seconds, loudness, instruments; and as a MIDI file.

Everything here is a function of the score and of what was asked for: the same piece always sounds the same. A bar's
notes do not depend on later bars but for those that are held into them, so that a piece can be played while it is
written.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import mido
import numpy as np

from luce.server.music.composing.orchestra import Instrument, Orchestra
from luce.server.music.composing.rhythm import drum_strokes
from luce.server.music.composing.score import BASS, GRID, HARMONY, MELODY, METRES, ROLES, Score
from luce.server.music.notes import Notes

TICKS: Final = 480
"""Of a quarter note, in files written here."""
DRUM_CHANNEL: Final = 9

_LOUDNESS: Final = 76
"""Velocity where arousal is neutral; it rises and falls by so much towards 1 and -1."""
_AROUSAL: Final = 44
_BALANCE: Final = {MELODY: 10, HARMONY: -10, BASS: 0}
_DOWNBEAT, _BEAT = 6, 3
_SWELL: Final = 4
"""Loudness rises and falls within each four bars."""
_RELEASE: Final = 0.04
"""Quarter notes by which a note ends before the next one of its pitch."""


@dataclass(frozen=True, slots=True)
class Played:
    """One note as it is played.

    Attributes:
        start_s: seconds.
        end_s: seconds, after the start.
        pitch: MIDI number.
        velocity: 1 to 127.
        channel: MIDI channel; 9 is the drums'.
        program: General MIDI program.
    """

    start_s: float
    end_s: float
    pitch: int
    velocity: int
    channel: int
    program: int


@dataclass(frozen=True)
class Manner:
    """How a score is played.

    Attributes:
        bpm: quarter notes a minute.
        shift: semitones from C major or A minor to the key.
        orchestra: who plays.
        arousal: -1..1, how loud and how strong.
        tonic: pitch class of the key, 0 = C.
        minor: whether the key is minor.
    """

    bpm: float
    shift: int
    orchestra: Orchestra
    arousal: float = 0.0
    tonic: int = 0
    minor: bool = False

    @property
    def step_s(self) -> float:
        """Seconds of a sixteenth."""
        return 60 / self.bpm / GRID


def perform(score: Score, manner: Manner, *, ends: bool = True) -> list[Played]:
    """Every note of a score as it is played, in order of its start.

    Args:
        score: in C major or A minor.
        manner: how.
        ends: whether the score ends the piece: the notes of its last onset are then held to its end.
    """
    channels = _channels(manner.orchestra)
    lengths = score.length.copy()
    if ends and score.count:
        final = score.onset == score.onset.max()
        lengths[final] = np.maximum(lengths[final], score.positions - score.onset[final])
    found: list[Played] = []
    for role in range(len(ROLES)):
        mine = np.flatnonzero(score.role == role)
        for instrument in manner.orchestra.players[role]:
            rows = [
                (
                    int(score.onset[index]),
                    int(score.onset[index] + lengths[index]),
                    _within(int(score.pitch[index]) + manner.shift, instrument),
                    _velocity(int(score.onset[index]), role, score.metre, manner.arousal),
                )
                for index in mine
            ]
            found.extend(_play(rows, manner.step_s, channels[role, instrument.name], instrument.program))
    if manner.orchestra.drums:
        loudness = round(_LOUDNESS + _AROUSAL * manner.arousal)
        for onset, pitch, accent in drum_strokes(score, manner.arousal):
            velocity = int(np.clip(loudness + accent, 1, 127))
            start = onset * manner.step_s
            found.append(Played(start, start + manner.step_s, pitch, velocity, DRUM_CHANNEL, 0))
    return sorted(found, key=lambda note: (note.start_s, note.channel, note.pitch))


def _channels(orchestra: Orchestra) -> dict[tuple[int, str], int]:
    """A channel for each player of a role; one who plays several roles has one for each, all in the same program."""
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    found: dict[tuple[int, str], int] = {}
    for role in (MELODY, HARMONY, BASS):
        for instrument in orchestra.players[role]:
            found[role, instrument.name] = free[len(found) % len(free)]
    return found


def _within(pitch: int, instrument: Instrument) -> int:
    """The pitch, moved by octaves into what the instrument plays."""
    if pitch < instrument.low:
        return instrument.low + (pitch - instrument.low) % 12
    if pitch > instrument.high:
        return instrument.high - 11 + (pitch - instrument.high - 1) % 12
    return pitch


def _velocity(onset: int, role: int, metre: int, arousal: float) -> int:
    size, beat = METRES[metre].positions, METRES[metre].beat
    place = onset % size
    accent = _DOWNBEAT if place == 0 else _BEAT if place % beat == 0 else 0
    swell = _SWELL * np.sin(np.pi * (onset % (4 * size)) / (4 * size))
    return int(np.clip(round(_LOUDNESS + _AROUSAL * arousal + _BALANCE[role] + accent + swell), 1, 127))


def _play(rows: list[tuple[int, int, int, int]], step_s: float, channel: int, program: int) -> Iterator[Played]:
    """One player's notes: of several of one onset and pitch the longest, each ends before its pitch comes again."""
    by_pitch: dict[int, list[tuple[int, int, int]]] = {}
    for onset, end, pitch, velocity in sorted(rows):
        line = by_pitch.setdefault(pitch, [])
        if line and line[-1][0] == onset:
            line[-1] = (onset, max(end, line[-1][1]), max(velocity, line[-1][2]))
        else:
            line.append((onset, end, velocity))
    for pitch, line in by_pitch.items():
        following = [onset for onset, _, _ in line[1:]] + [None]
        for (onset, end, velocity), again in zip(line, following, strict=True):
            stop = end * step_s
            if again is not None and again <= end:
                stop = again * step_s - _RELEASE * GRID * step_s
            yield Played(onset * step_s, stop, pitch, velocity, channel, program)


def heard(played: list[Played]) -> Notes:
    """The pitched notes, for measures of notes."""
    rows = [note for note in played if note.channel != DRUM_CHANNEL]
    return Notes.sorted(
        [note.start_s for note in rows],
        [note.end_s for note in rows],
        [note.pitch for note in rows],
        [note.velocity / 127 for note in rows],
    )


def midi_bytes(score: Score, manner: Manner, *, title: str = "") -> bytes:
    """A standard MIDI file of type 1: a track with tempo, metre and key, then one for each channel.

    It lasts as long as the score has bars: the tracks end there.
    """
    played = perform(score, manner)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    metre = METRES[score.metre]
    end = round(score.bars * metre.quarters * TICKS)
    head = mido.MidiTrack()
    if title:
        # Standard MIDI files know Latin-1 alone.
        plain = title.encode("latin-1", "replace").decode("latin-1")[:120]
        head.append(mido.MetaMessage("track_name", name=plain, time=0))
    head.append(mido.MetaMessage("set_tempo", tempo=round(60_000_000 / manner.bpm), time=0))
    head.append(mido.MetaMessage("time_signature", numerator=metre.numerator, denominator=metre.denominator, time=0))
    head.append(mido.MetaMessage("key_signature", key=_signature(manner.tonic, minor=manner.minor), time=0))
    head.append(mido.MetaMessage("end_of_track", time=end))
    file.tracks.append(head)
    ticks_a_second = manner.bpm / 60 * TICKS
    for channel in sorted({note.channel for note in played}):
        mine = [note for note in played if note.channel == channel]
        file.tracks.append(_track(mine, ticks_a_second, end, _name(manner.orchestra, mine[0])))
    target = io.BytesIO()
    file.save(file=target)
    return target.getvalue()


def _track(notes: list[Played], ticks_a_second: float, end: int, name: str) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name, time=0)])
    channel = notes[0].channel
    if channel != DRUM_CHANNEL:
        track.append(mido.Message("program_change", channel=channel, program=notes[0].program, time=0))
    events: list[tuple[int, int, int, int]] = []
    for note in notes:
        start = round(note.start_s * ticks_a_second)
        stop = min(max(round(note.end_s * ticks_a_second), start + 1), max(end, start + 1))
        events += [(start, 1, note.pitch, note.velocity), (stop, 0, note.pitch, 0)]
    last = 0
    for tick, on, pitch, velocity in sorted(events):
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - last))
        last = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - last)))
    return track


def _name(orchestra: Orchestra, note: Played) -> str:
    if note.channel == DRUM_CHANNEL:
        return "drums"
    for role, channel_role in (((MELODY, "melody")), ((HARMONY, "harmony")), ((BASS, "bass"))):
        for instrument in orchestra.players[role]:
            if _channels(orchestra)[role, instrument.name] == note.channel:
                return f"{channel_role}: {instrument.name}"
    return ""


_MAJOR_SIGNATURES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_SIGNATURES = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")


def _signature(tonic: int, *, minor: bool) -> str:
    return (_MINOR_SIGNATURES if minor else _MAJOR_SIGNATURES)[tonic]
