"""MIDI files: notes, tempo map, time and key signatures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import mido
import numpy as np
import numpy.typing as npt
from mido.midifiles.meta import KeySignatureError

from luce.errors import MalformedMedia, PayloadTooLarge, UnsupportedMediaType
from luce.server.music.notes import Notes

#: Bounds on one file. A note-heavy piano piece of ten minutes has 10,000 notes in 100 kB.
MAX_BYTES: Final = 4 * 2**20
MAX_NOTES: Final = 100_000
MAX_SECONDS: Final = 1800.0
MAX_TRACKS: Final = 256

#: First bytes of every MIDI file.
MAGIC: Final = b"MThd"

_DRUM_CHANNEL = 9
_DEFAULT_TEMPO = 500_000
_MICROSECONDS = 60_000_000
_COMPOUND = (6, 9, 12)
#: Notes of a beat's grid: sixteenths, and triplets of eighths and sixteenths.
_GRIDS = (4, 3, 6)


@dataclass(frozen=True)
class Meter:
    """A time signature.

    Attributes:
        start_s: where it begins, seconds.
        numerator: upper number.
        denominator: lower number.
    """

    start_s: float
    numerator: int
    denominator: int

    @property
    def beats_per_bar(self) -> int:
        """Beats as they are felt: two of 6/8, three of 9/8, else the upper number."""
        compound = self.denominator >= 8 and self.numerator in _COMPOUND
        return self.numerator // 3 if compound else self.numerator

    @property
    def quarters_per_beat(self) -> float:
        """Length of a beat in quarter notes."""
        return 4 / self.denominator * (self.numerator / self.beats_per_bar)


@dataclass(frozen=True)
class MidiMusic:
    """What a MIDI file says.

    Attributes:
        seconds: end of the last note.
        notes: the pitched notes; the pedal is not read.
        drum_onsets_s: (D,) float32, times of the strokes of the drum channel.
        tempo_times_s: (K,) float64, where each tempo begins; the first is 0.
        tempo_bpm: (K,) float64, quarter notes a minute; 120 where the file says nothing.
        has_tempo: whether the file says anything of the tempo.
        meters: the time signatures; empty where the file has none.
        key_signatures: (start in seconds, name such as "F#m") as written; empty where the file has none.
        beat_times: (B,) float64, times of the beats by tempo and time signature (quarters where there is none).
        programs: the General MIDI programs used by pitched notes, 0 to 127, the one that sounds longest first.
    """

    seconds: float
    notes: Notes
    drum_onsets_s: npt.NDArray[np.float32]
    tempo_times_s: npt.NDArray[np.float64]
    tempo_bpm: npt.NDArray[np.float64]
    has_tempo: bool
    meters: tuple[Meter, ...]
    key_signatures: tuple[tuple[float, str], ...]
    beat_times: npt.NDArray[np.float64]
    programs: tuple[int, ...]

    @property
    def meter(self) -> Meter | None:
        """The time signature that holds for longest; None where the file has none."""
        if not self.meters:
            return None
        ends = [meter.start_s for meter in self.meters[1:]] + [max(self.seconds, self.meters[-1].start_s)]
        lengths = [end - meter.start_s for meter, end in zip(self.meters, ends, strict=True)]
        return self.meters[int(np.argmax(lengths))]


def read_midi(data: bytes, field: str = "audio") -> MidiMusic:
    """Read a MIDI file of type 0 or 1.

    Args:
        data: the file.
        field: name of the request's field, for errors.

    Raises:
        MalformedMedia: not MIDI, cut short, or without a pitched note.
        UnsupportedMediaType: independent patterns (type 2) or SMPTE time.
        PayloadTooLarge: more than 4 MiB, 256 tracks, 100,000 notes or 30 minutes.
    """
    file = parse_midi(data, field)
    events = _Events.gather(file, field)
    if not events.notes:
        raise MalformedMedia(f"{field} holds no pitched note", field=field, limit="at least one note")
    clock = _Clock(events.tempi, file.ticks_per_beat)
    table = np.array(events.notes, np.int64)
    onset, offset = clock.seconds(table[:, 0]), clock.seconds(table[:, 1])
    seconds = float(offset.max())
    if seconds > MAX_SECONDS:
        raise _too_large(field, f"{MAX_SECONDS:.0f} seconds", round(seconds))
    meters = tuple(Meter(float(clock.seconds(tick)), *sizes) for tick, *sizes in events.meters)
    return MidiMusic(
        seconds=seconds,
        notes=Notes.sorted(onset, np.maximum(offset, onset + 1e-3), table[:, 2], table[:, 3] / 127),
        drum_onsets_s=np.sort(clock.seconds(np.array(events.drums, np.int64))).astype(np.float32),
        tempo_times_s=clock.times,
        tempo_bpm=_MICROSECONDS / clock.tempi,
        has_tempo=bool(events.tempi),
        meters=meters,
        key_signatures=tuple((float(clock.seconds(tick)), name) for tick, name in events.keys),
        beat_times=_beats(clock, events.meters, int(table[:, 1].max())),
        programs=_by_time(table[:, 4], offset - onset),
    )


def steadiness_of(piece: MidiMusic) -> float:
    """How well the notes keep to the beats that are written, 0..1.

    The length of the mean vector of the onsets' places in the best grid (Rayleigh's statistic), less what as many
    onsets at random would have.
    """
    beats, onsets = piece.beat_times, piece.notes.onset_s
    inside = onsets[(onsets >= beats[0]) & (onsets <= beats[-1])] if beats.size else onsets[:0]
    if not piece.has_tempo or beats.size < 2 or not inside.size:
        return 0.0
    places = np.interp(inside, beats, np.arange(beats.size))
    lengths = [abs(np.exp(2j * np.pi * grid * places).mean()) for grid in _GRIDS]
    return float(np.clip(max(lengths) - 1 / np.sqrt(places.size), 0.0, 1.0))


def parse_midi(data: bytes, field: str) -> Any:
    """The file as `mido.MidiFile`, of type 0 or 1 with at most 256 tracks. Raises as :func:`read_midi`."""
    if len(data) > MAX_BYTES:
        raise _too_large(field, f"{MAX_BYTES} bytes", len(data))
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except (EOFError, OSError, ValueError, LookupError, TypeError, ArithmeticError, KeySignatureError) as error:
        reason = str(error) or "it is cut short"
        message = f"{field} is no MIDI file that can be read: {reason}"
        raise MalformedMedia(message, field=field, limit="a complete MIDI file") from error
    if file.type not in (0, 1):
        message = f"{field} is a MIDI file of type {file.type}, read are 0 and 1"
        raise UnsupportedMediaType(message, field=field, limit="type 0 or 1")
    if file.ticks_per_beat <= 0:
        message = f"{field} counts SMPTE frames, read are ticks per quarter note"
        raise UnsupportedMediaType(message, field=field, limit="ticks per quarter note")
    if len(file.tracks) > MAX_TRACKS:
        raise _too_large(field, f"{MAX_TRACKS} tracks", len(file.tracks))
    return file


def _too_large(field: str, limit: str, found: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"{field} is a MIDI file of more than {limit}: {found}", field=field, limit=limit)


@dataclass
class _Events:
    """The events that count, in ticks."""

    notes: list[tuple[int, int, int, int, int]]
    drums: list[int]
    tempi: list[tuple[int, int]]
    meters: list[tuple[int, int, int]]
    keys: list[tuple[int, str]]

    @classmethod
    def gather(cls, file: Any, field: str) -> _Events:
        found = cls([], [], [], [], [])
        for track in file.tracks:
            found._read_track(track)
            if len(found.notes) + len(found.drums) > MAX_NOTES:
                raise _too_large(field, f"{MAX_NOTES} notes", len(found.notes) + len(found.drums))
        found.tempi.sort(key=lambda event: event[0])
        found.meters.sort(key=lambda event: event[0])
        found.keys.sort(key=lambda event: event[0])
        return found

    def _read_track(self, track: Any) -> None:
        tick, sounding, programs = 0, dict[tuple[int, int], tuple[int, int, int]](), dict[int, int]()
        for message in track:
            tick += message.time
            kind = message.type
            if kind in ("note_on", "note_off"):
                self._end(sounding, message.channel, message.note, tick)
                if kind == "note_on" and message.velocity > 0:
                    self._begin(sounding, message, tick, programs)
            elif kind == "program_change":
                programs[message.channel] = message.program
            elif kind == "set_tempo" and message.tempo > 0:
                self.tempi.append((tick, message.tempo))
            elif kind == "time_signature" and message.numerator > 0:
                self.meters.append((tick, message.numerator, message.denominator))
            elif kind == "key_signature":
                self.keys.append((tick, message.key))
        for channel, pitch in list(sounding):
            self._end(sounding, channel, pitch, tick)

    def _begin(
        self, sounding: dict[tuple[int, int], tuple[int, int, int]], message: Any, tick: int, programs: dict[int, int]
    ) -> None:
        if message.channel == _DRUM_CHANNEL:
            self.drums.append(tick)
        else:
            program = programs.get(message.channel, 0)
            sounding[message.channel, message.note] = (tick, message.velocity, program)

    def _end(self, sounding: dict[tuple[int, int], tuple[int, int, int]], channel: int, pitch: int, tick: int) -> None:
        """A note ends by its note-off, or where it is struck again."""
        begun = sounding.pop((channel, pitch), None)
        if begun is not None and tick > begun[0]:
            self.notes.append((begun[0], tick, pitch, *begun[1:]))


class _Clock:
    """Seconds of ticks, by the tempo map."""

    def __init__(self, tempi: list[tuple[int, int]], ticks_per_beat: int) -> None:
        # Of several tempi at one tick the last holds.
        by_tick = {0: _DEFAULT_TEMPO} | dict(tempi)
        self._ticks = np.array(sorted(by_tick), np.int64)
        self.ticks_per_beat = ticks_per_beat
        self.tempi = np.array([by_tick[tick] for tick in sorted(by_tick)], np.float64)
        lengths = np.diff(self._ticks) * self.tempi[:-1] / ticks_per_beat / 1e6
        self.times: npt.NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(lengths)])

    def seconds(self, ticks: npt.ArrayLike) -> npt.NDArray[np.float64]:
        ticks = np.asarray(ticks, np.int64)
        place = np.searchsorted(self._ticks, ticks, side="right") - 1
        result: npt.NDArray[np.float64] = (
            self.times[place] + (ticks - self._ticks[place]) * self.tempi[place] / self.ticks_per_beat / 1e6
        )
        return result


def _by_time(programs: npt.NDArray[np.int64], seconds: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """The programs of notes of these lengths, the one that sounds longest first."""
    total = np.bincount(programs, weights=seconds)
    return tuple(int(program) for program in np.argsort(-total, kind="stable") if total[program] > 0)


def _beats(clock: _Clock, meters: list[tuple[int, int, int]], last: int) -> npt.NDArray[np.float64]:
    return clock.seconds(np.concatenate([*_beat_ticks(clock.ticks_per_beat, meters, last)]))


def _beat_ticks(ticks_per_beat: int, meters: list[tuple[int, int, int]], last: int) -> Iterator[npt.NDArray[np.int64]]:
    stretches = meters if meters and meters[0][0] == 0 else [(0, 4, 4), *meters]
    ends = [start for start, *_ in stretches[1:]] + [last]
    for (start, numerator, denominator), end in zip(stretches, ends, strict=True):
        step = max(1, round(ticks_per_beat * Meter(0.0, numerator, denominator).quarters_per_beat))
        # More beats than notes could be told apart from are of no use to anyone.
        yield np.arange(start, min(end, start + step * 20 * MAX_NOTES), step, dtype=np.int64)
