"""From MIDI files to scores: bars, a grid of sixteenths, roles, and the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.score import BASS, GRID, HARMONY, MELODY, METRES, Score
from luce.server.music.key import bass_support, correlations

_DRUM_CHANNEL: Final = 9
_HIGHEST_BASS: Final = 56
"""The lowest note of a moment is bass below this (Ab3)."""
_LOWEST_MELODY: Final = 55
"""The highest note of a moment is melody from here on (G3)."""
_ALIGNED: Final = 0.2
"""Share of a sixteenth by which an onset may miss the grid and still count as on it."""


@dataclass
class Written:
    """The events of a file that a score is made of, in ticks.

    Attributes:
        ticks: a quarter note.
        notes: (N, 4) onset, offset, pitch and part; a part is one track and channel.
        parts: name of each part's track.
        tempi: (tick, microseconds a quarter note), ascending.
        meters: (tick, numerator, denominator), ascending.
    """

    ticks: int
    notes: npt.NDArray[np.int64]
    parts: list[str] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)


def gather(file: Any) -> Written:
    """Read the events of a `mido.MidiFile`; drums are left out."""
    found = Written(file.ticks_per_beat, np.empty((0, 4), np.int64))
    numbers: dict[tuple[int, int], int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for index, track in enumerate(file.tracks):
        tick, sounding = 0, dict[tuple[int, int], int]()
        for message in track:
            tick += message.time
            kind = message.type
            if kind in ("note_on", "note_off"):
                if message.channel == _DRUM_CHANNEL:
                    continue
                key = (message.channel, message.note)
                begun = sounding.pop(key, None)
                if begun is not None and tick > begun:
                    part = numbers.setdefault((index, message.channel), len(numbers))
                    rows.append((begun, tick, message.note, part))
                if kind == "note_on" and message.velocity > 0:
                    sounding[key] = tick
            elif kind == "set_tempo" and message.tempo > 0:
                found.tempi.append((tick, message.tempo))
            elif kind == "time_signature" and message.numerator > 0:
                found.meters.append((tick, message.numerator, message.denominator))
    found.parts = [file.tracks[index].name for index, _ in numbers]
    found.tempi.sort()
    found.meters.sort()
    found.notes = np.array(sorted(rows), np.int64).reshape(-1, 4)
    return found


@dataclass(frozen=True)
class Stretch:
    """Bars of one metre in a row.

    Attributes:
        score: in the file's own key.
        bpm: quarter notes a minute, the median over the stretch.
        last: whether the file's last note lies in it.
        start_tick: where it begins.
    """

    score: Score
    bpm: float
    last: bool
    start_tick: int


def grid_fit(written: Written, offset: int = 0) -> float:
    """Share of the onsets that lie on the grid of sixteenths, which begins at tick ``offset``."""
    step = written.ticks / GRID
    miss = (written.notes[:, 0] - offset) / step
    return float((np.abs(miss - np.round(miss)) <= _ALIGNED).mean()) if len(written.notes) else 0.0


def stretches(
    written: Written, *, offset: int = 0, roles: npt.NDArray[np.int64] | None = None, metre: int | None = None
) -> list[Stretch]:
    """Cut a file into stretches of one metre each and put them on the grid.

    Args:
        written: the file's events.
        offset: tick of the first bar.
        roles: (N,) the role of each note; by :func:`roles_of` where it is left out.
        metre: overrules the file's time signatures.
    """
    if not len(written.notes):
        return []
    onset, pitch = written.notes[:, 0], written.notes[:, 2]
    role = roles_of(written.notes) if roles is None else roles
    end = int(written.notes[:, 1].max())
    found = []
    for start, stop, kind in _spans(written, offset, end, metre):
        inside = (onset >= start - written.ticks / GRID / 2) & (onset < stop - written.ticks / GRID / 2)
        if not inside.any():
            continue
        size = METRES[kind].positions
        step = written.ticks / GRID
        at = np.maximum(np.round((onset[inside] - start) / step).astype(np.int64), 0)
        length = np.maximum(np.round((written.notes[inside, 1] - onset[inside]) / step).astype(np.int64), 1)
        bars = int(at.max() // size + 1)
        score = Score.sorted(
            kind,
            bars,
            onset=at,
            length=np.minimum(length, bars * size - at),
            pitch=pitch[inside],
            role=role[inside],
        )
        bpm = _tempo(written.tempi, start, start + round(bars * size * step))
        found.append(Stretch(_once(score), bpm, bool(onset[inside].max() == onset.max()), start))
    return found


def _spans(written: Written, offset: int, end: int, metre: int | None) -> Iterator[tuple[int, int, int]]:
    """(start tick, stop tick, metre) of the stretches whose metre is known."""
    if metre is not None:
        yield offset, end, metre
        return
    signs = written.meters or [(0, 4, 4)]
    if signs[0][0] > 0:
        signs = [(0, 4, 4), *signs]
    merged: list[tuple[int, int | None]] = []
    for tick, numerator, denominator in signs:
        kind = _metre(numerator, denominator)
        if merged and merged[-1][0] == tick:
            merged.pop()
        if not merged or merged[-1][1] != kind:
            merged.append((tick, kind))
    stops = [tick for tick, _ in merged[1:]] + [end]
    for index, ((start, kind), stop) in enumerate(zip(merged, stops, strict=True)):
        begin = start + (offset if index == 0 else 0)
        if kind is not None and stop > begin:
            yield begin, stop, kind


def _metre(numerator: int, denominator: int) -> int | None:
    """The metre that a time signature is read as: 2/4 and 2/2 as 4/4 bars, 3/8 and 12/8 as 6/8; None for others."""
    if (numerator, denominator) in ((4, 4), (2, 4), (2, 2), (8, 8), (4, 2), (1, 4)):
        return 0
    if (numerator, denominator) in ((3, 4), (3, 2), (6, 4)):
        return 1
    return 2 if (numerator, denominator) in ((6, 8), (3, 8), (12, 8)) else None


def _tempo(tempi: Sequence[tuple[int, int]], start: int, stop: int) -> float:
    """Median tempo of a stretch by time, quarter notes a minute."""
    times = [0, *(tick for tick, _ in tempi)]
    values = [500_000, *(value for _, value in tempi)]
    ends = [*times[1:], stop]
    weights = [max(0, min(end, stop) - max(begin, start)) for begin, end in zip(times, ends, strict=True)]
    order = np.argsort(values)
    share = np.cumsum(np.array(weights, np.float64)[order])
    middle = int(order[int(np.searchsorted(share, share[-1] / 2))]) if share[-1] > 0 else len(values) - 1
    return 60_000_000 / values[middle]


def roles_of(notes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Role of each note (N, 4), ordered by onset: the skyline is melody, what lies lowest is bass.

    A note is melody where nothing that sounds is higher when it begins, and bass where nothing is lower.
    """
    onset, offset, pitch = notes[:, 0], notes[:, 1], notes[:, 2]
    found = np.full(len(notes), HARMONY, np.int64)
    sounding: list[int] = []
    start = 0
    while start < len(notes):
        stop = start
        while stop < len(notes) and onset[stop] == onset[start]:
            stop += 1
        sounding = [index for index in sounding if offset[index] > onset[start]]
        sounding.extend(range(start, stop))
        high = max(int(pitch[index]) for index in sounding)
        low = min(int(pitch[index]) for index in sounding)
        for index in range(start, stop):
            if pitch[index] == high and high >= _LOWEST_MELODY:
                found[index] = MELODY
            elif pitch[index] == low and low < _HIGHEST_BASS:
                found[index] = BASS
        start = stop
    return found


def _once(score: Score) -> Score:
    """Leave one of several notes of one onset and pitch: the one of the outer role, and the longest."""
    seen: dict[tuple[int, int], int] = {}
    rank = {MELODY: 2, BASS: 1, HARMONY: 0}
    for index in range(score.count):
        key = (int(score.onset[index]), int(score.pitch[index]))
        best = seen.get(key)
        mine = (rank[int(score.role[index])], int(score.length[index]))
        if best is None or mine > (rank[int(score.role[best])], int(score.length[best])):
            seen[key] = index
    keep = np.array(sorted(seen.values()), np.int64)
    columns = (score.onset, score.length, score.pitch, score.role)
    return Score(score.metre, score.bars, *(column[keep] for column in columns))


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        tonic: pitch class, 0 = C to 11 = B.
        minor: whether it is a minor key.
        brightness: correlation of the best major key less that of the best minor key.
        clarity: correlation of the best key.
    """

    tonic: int
    minor: bool
    brightness: float
    clarity: float

    @property
    def shift(self) -> int:
        """Semitones, -6 to 5, that take the key to C major or A minor."""
        return ((9 if self.minor else 0) - self.tonic + 6) % 12 - 6


def key_of(score: Score) -> Key:
    """The key of a score, by the lengths of its pitch classes and what its bass rests on."""
    chroma = np.bincount(score.pitch % 12, weights=score.length, minlength=12)
    scores = correlations(chroma)
    lowest = np.full(score.positions, np.nan, np.float32)
    for onset, length, pitch in zip(score.onset, score.length, score.pitch, strict=True):
        part = lowest[onset : onset + length]
        np.fmin(part, pitch, out=part)
    supported = scores + bass_support(lowest)
    best = int(np.argmax(supported))
    brightness = float(scores[:12].max() - scores[12:].max())
    return Key(best % 12, best >= 12, brightness, float(scores[best]))
