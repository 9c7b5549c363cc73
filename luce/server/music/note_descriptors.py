"""Descriptors of notes: one vector of fixed order for each stretch of a piece.

These vectors are the input ``descriptors`` of the Triton model ``note_emotion``. A change of any name, order, unit or
computation here needs a retrained model. They hold for written and for transcribed notes alike; the last, ``written``,
tells the model which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from luce.server.music.key import correlations
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray

_Number = TypeVar("_Number", bound=np.generic)

#: Frames a second of the piano roll.
ROLL_RATE = 20.0
#: The pitches of the roll: MIDI 21 to 108.
_LOWEST, _PITCHES = 21, 88
#: Harmony is heard in a stretch of at least this length around a shorter one.
CONTEXT_SECONDS = 15.0
#: Onsets within this of each other are one event (a chord).
_CHORD_SECONDS = 0.04
_LONGEST_GAP = 4.0
#: Frames that are worked on at a time, a minute: what is kept of a frame is a few numbers, not the whole of its roll.
_BLOCK_FRAMES = 1200

#: (name, unit and meaning), in the order of the vector.
NOTE_DESCRIPTORS: tuple[tuple[str, str], ...] = (
    ("mode_score", "-1..1, best major minus best minor key correlation"),
    ("mode_score_context", "-1..1, the same in context"),
    ("mode_score_local", "-1..1, mean of the same over stretches of 3 s in context"),
    ("key_clarity", "-1..1, best key correlation"),
    ("key_clarity_context", "-1..1, the same in context"),
    ("chroma_entropy", "0..1, evenness of the pitch classes"),
    ("bass_tonic", "-1..1, how much more major than minor the thirds above the lowest notes are"),
    ("major_thirds", "0..1, share of major thirds among simultaneous intervals"),
    ("minor_thirds", "0..1, share of minor thirds among simultaneous intervals"),
    ("fourths", "0..1, share of fourths and fifths among simultaneous intervals"),
    ("seconds", "0..1, share of seconds and sevenths among simultaneous intervals"),
    ("semitones", "0..1, share of minor seconds and major sevenths among simultaneous intervals"),
    ("tritones", "0..1, share of tritones among simultaneous intervals"),
    ("note_rate", "log2 of 0.5 + notes a second"),
    ("note_rate_context", "the same in context"),
    ("event_rate", "log2 of 0.5 + events a second; notes struck together are one"),
    ("event_rate_context", "the same in context"),
    ("gap_median", "log2 seconds, median time from event to event"),
    ("gap_spread", "standard deviation of the log2 times from event to event"),
    ("duration", "log2 seconds, mean length of the notes"),
    ("duration_spread", "standard deviation of the log2 lengths"),
    ("articulation", "-3..3, log2 of a note's length over the time to the next event, median"),
    ("polyphony", "mean number of notes at once, where any sounds"),
    ("silence", "0..1, share of the time in which nothing sounds"),
    ("register", "octaves above middle C, mean pitch by duration"),
    ("register_spread", "octaves, standard deviation of the pitch"),
    ("bass", "octaves above middle C, mean of the lowest notes"),
    ("top", "octaves above middle C, mean of the highest notes"),
    ("low_share", "0..1, share of the sounding time below C3"),
    ("leap", "semitones, mean step of the highest notes from event to event, at most 12"),
    ("rising", "-1..1, share of rising minus falling steps of the highest notes"),
    ("repetition", "0..1, likeness of the pitch classes to those two seconds before"),
    ("amplitude", "0..1, mean amplitude of the notes"),
    ("amplitude_spread", "standard deviation of the amplitude"),
    ("pulse", "0..1, regularity of the events: how many gaps are a simple multiple of the commonest"),
    ("whole", "1 for a stretch that is the whole piece, else 0"),
    ("written", "1 for the notes of a score, 0 for a transcription"),
)
NOTE_DESCRIPTOR_NAMES: tuple[str, ...] = tuple(name for name, _ in NOTE_DESCRIPTORS)
NOTE_DESCRIPTOR_COUNT = len(NOTE_DESCRIPTORS)


def describe_notes(
    notes: Notes, starts: npt.NDArray[np.float64], length: float, *, seconds: float, written: bool
) -> FloatArray:
    """Describe stretches of a piece.

    Args:
        notes: the whole piece.
        starts: (W,) where the stretches begin, seconds.
        length: of each, seconds.
        seconds: of the piece.
        written: whether the notes are a score's, not a transcription's.

    Returns:
        (W, 37) float32 in the order of :data:`NOTE_DESCRIPTOR_NAMES`; a stretch without notes is zero but for the two
        flags, its rates and its silence.
    """
    roll = _Roll(notes, seconds)
    near = _Spans.around(starts, length, length, seconds)
    far = _Spans.around(starts, length, max(length, CONTEXT_SECONDS), seconds)
    found = _harmony(roll, near, far) | _rhythm(roll, near, far) | _register(roll, near)
    found["whole"] = np.full(len(starts), float(length >= seconds - 1e-6))
    found["written"] = np.full(len(starts), float(written))
    values = np.stack([found[name] for name in NOTE_DESCRIPTOR_NAMES], axis=1)
    sounding = roll.events_in(near.low, near.high) > 0
    keep = [NOTE_DESCRIPTOR_NAMES.index(name) for name in _WITHOUT_NOTES]
    empty = np.zeros_like(values)
    empty[:, keep] = values[:, keep]
    return np.where(sounding[:, None], values, empty).astype(np.float32)


_WITHOUT_NOTES = ("note_rate", "event_rate", "silence", "whole", "written")


@dataclass(frozen=True)
class _Spans:
    """Bounds of stretches in seconds, each (W,)."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @classmethod
    def around(cls, starts: npt.NDArray[np.float64], length: float, wanted: float, seconds: float) -> _Spans:
        """Stretches of ``wanted`` seconds around the centres of those of ``length``."""
        low = np.maximum(starts + (length - wanted) / 2, 0)
        high = np.minimum(starts + (length + wanted) / 2, seconds)
        return cls(low, np.maximum(high, low + 1 / ROLL_RATE))

    @property
    def size(self) -> npt.NDArray[np.float64]:
        return self.high - self.low


class _Roll:
    """A piano roll, its events, and running sums of both, so that a stretch costs one subtraction."""

    def __init__(self, notes: Notes, seconds: float) -> None:
        self.notes = notes
        frames = max(1, int(np.ceil(seconds * ROLL_RATE)))
        first = np.clip((notes.onset_s * ROLL_RATE).astype(np.int64), 0, frames - 1)
        last = np.clip(np.ceil(notes.offset_s * ROLL_RATE).astype(np.int64), first + 1, frames)
        pitch = np.clip(notes.pitch.astype(np.int64) - _LOWEST, 0, _PITCHES - 1)
        edges = np.zeros((frames + 1, _PITCHES), np.int16)
        np.add.at(edges, (first, pitch), 1)
        np.add.at(edges, (last, pitch), -1)
        self.sounding = np.cumsum(edges, axis=0, out=edges)[:-1] > 0
        self.frames = frames
        # Events: the first of the onsets that lie closer together than a chord's.
        onsets = notes.onset_s.astype(np.float64)
        begins = np.diff(onsets, prepend=-1.0) > _CHORD_SECONDS
        self.event_of = np.cumsum(begins) - 1
        self.events = onsets[begins]
        self.event_top = np.zeros(self.events.size)
        np.maximum.at(self.event_top, self.event_of, notes.pitch.astype(np.float64))

    def sums(self, rows: npt.NDArray[np.generic], spans: _Spans) -> npt.NDArray[np.float64]:
        """Sum of frame rows (T, ...) over each stretch."""
        total = np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0, dtype=np.float64)])
        low = np.clip((spans.low * ROLL_RATE).astype(np.int64), 0, self.frames - 1)
        high = np.clip(np.ceil(spans.high * ROLL_RATE).astype(np.int64), low + 1, self.frames)
        result: npt.NDArray[np.float64] = total[high] - total[low]
        return result

    def by_frame(self, tell: Callable[[npt.NDArray[np.bool_]], npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
        """What ``tell`` says of each frame by what sounds in it (B, 88), block by block: (T, ...)."""
        starts = range(0, self.frames, _BLOCK_FRAMES)
        return np.concatenate([tell(self.sounding[first : first + _BLOCK_FRAMES]) for first in starts])

    def events_in(self, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Number of events in each stretch."""
        return np.searchsorted(self.events, high) - np.searchsorted(self.events, low)


_Found = dict[str, npt.NDArray[np.float64]]


def _harmony(roll: _Roll, near: _Spans, far: _Spans) -> _Found:
    octaves = np.zeros((_PITCHES, 12), np.float32)
    octaves[np.arange(_PITCHES), (np.arange(_PITCHES) + _LOWEST) % 12] = 1
    classes = roll.by_frame(lambda sounding: np.minimum(sounding.astype(np.float32) @ octaves, 2))
    # Each frame has the same say, to a power of a half, as in the key estimate.
    fair = classes / np.sqrt(np.maximum(classes.sum(axis=1, keepdims=True), 1))
    chroma, wide = roll.sums(fair, near), roll.sums(fair, far)
    keys, wide_keys = correlations(chroma), correlations(wide)
    third = round(1.5 * ROLL_RATE)
    running = np.concatenate([np.zeros((1, 12)), np.cumsum(fair, axis=0, dtype=np.float64)])
    frames = np.arange(roll.frames)
    local = running[np.minimum(frames + third, roll.frames)] - running[np.maximum(frames - third, 0)]
    blocks = range(0, roll.frames, _BLOCK_FRAMES)
    score = np.concatenate([_mode(correlations(local[first : first + _BLOCK_FRAMES])) for first in blocks])
    present = np.minimum(classes, 1)
    intervals = np.stack([(present * np.roll(present, -step, axis=1)).sum(axis=1) for step in range(1, 7)], axis=1)
    intervals[:, 5] /= 2
    pairs = roll.sums(intervals, near)
    pairs = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    share = chroma / np.maximum(chroma.sum(axis=1, keepdims=True), 1e-9)
    lag = round(2 * ROLL_RATE)
    return {
        "mode_score": _mode(keys),
        "mode_score_context": _mode(wide_keys),
        "mode_score_local": _mean(roll.sums(score, far), far),
        "key_clarity": keys.max(axis=1),
        "key_clarity_context": wide_keys.max(axis=1),
        "chroma_entropy": -(share * np.log(np.maximum(share, 1e-12))).sum(axis=1) / np.log(12),
        "bass_tonic": _mean(roll.sums(_bass_thirds(roll.sounding, present), near), near),
        "major_thirds": pairs[:, 3],
        "minor_thirds": pairs[:, 2],
        "fourths": pairs[:, 4],
        "seconds": pairs[:, 0] + pairs[:, 1],
        "semitones": pairs[:, 0],
        "tritones": pairs[:, 5],
        "repetition": _mean(roll.sums(_likeness(local, lag), near), near),
    }


def _mode(keys: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    result: npt.NDArray[np.float64] = keys[..., :12].max(axis=-1) - keys[..., 12:].max(axis=-1)
    return result


def _mean(total: npt.NDArray[np.float64], spans: _Spans) -> npt.NDArray[np.float64]:
    return total / np.maximum(spans.size * ROLL_RATE, 1)


def _bass_thirds(sounding: npt.NDArray[np.bool_], present: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """By frame: 1 where a major third lies above the lowest note, -1 for a minor third, 0 for both or none."""
    root = (sounding.argmax(axis=1) + _LOWEST) % 12
    frames = np.arange(len(sounding))
    balance = present[frames, (root + 4) % 12] - present[frames, (root + 3) % 12]
    return np.where(sounding.any(axis=1), balance, 0).astype(np.float64)


def _likeness(local: npt.NDArray[np.float64], lag: int) -> npt.NDArray[np.float64]:
    """Cosine of the pitch classes around each frame with those ``lag`` frames before; 0 at the beginning."""
    unit = local / np.maximum(np.linalg.norm(local, axis=1, keepdims=True), 1e-9)
    result = np.zeros(len(local))
    if len(local) > lag:
        result[lag:] = (unit[lag:] * unit[:-lag]).sum(axis=1)
    return result


def _rhythm(roll: _Roll, near: _Spans, far: _Spans) -> _Found:
    notes = roll.notes
    onsets = notes.onset_s.astype(np.float64)
    gaps = np.minimum(np.diff(roll.events, append=roll.events[-1:] + 1.0), _LONGEST_GAP)
    lengths = np.log2(np.maximum(notes.offset_s - notes.onset_s, 0.03).astype(np.float64))
    next_event = np.log2(np.maximum(gaps, 0.03))
    legato = np.clip(lengths - next_event[roll.event_of], -3, 3)
    amplitude = notes.amplitude.astype(np.float64)

    def over_notes(values: npt.NDArray[np.float64], reduce: Callable[..., float]) -> npt.NDArray[np.float64]:
        return _grouped(values, np.searchsorted(onsets, near.low), np.searchsorted(onsets, near.high), reduce)

    def over_events(values: npt.NDArray[np.float64], reduce: Callable[..., float]) -> npt.NDArray[np.float64]:
        low, high = np.searchsorted(roll.events, near.low), np.searchsorted(roll.events, near.high)
        return _grouped(values, low, high, reduce)

    def rate(times: npt.NDArray[np.float64], spans: _Spans) -> npt.NDArray[np.float64]:
        count = np.searchsorted(times, spans.high) - np.searchsorted(times, spans.low)
        result: npt.NDArray[np.float64] = np.log2(0.5 + count / spans.size)
        return result

    return {
        "note_rate": rate(onsets, near),
        "note_rate_context": rate(onsets, far),
        "event_rate": rate(roll.events, near),
        "event_rate_context": rate(roll.events, far),
        "gap_median": over_events(next_event, np.median),
        "gap_spread": over_events(next_event, np.std),
        "duration": over_notes(lengths, np.mean),
        "duration_spread": over_notes(lengths, np.std),
        "articulation": over_notes(legato, np.median),
        "amplitude": over_notes(amplitude, np.mean),
        "amplitude_spread": over_notes(amplitude, np.std),
        "pulse": over_events(next_event, _regularity),
        "leap": over_events(np.minimum(np.abs(np.diff(roll.event_top, prepend=roll.event_top[:1])), 12), np.mean),
        "rising": over_events(np.sign(np.diff(roll.event_top, prepend=roll.event_top[:1])), np.mean),
    }


def _grouped(
    values: npt.NDArray[np.float64],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    reduce: Callable[..., float],
) -> npt.NDArray[np.float64]:
    """Reduce values[low:high] for each stretch; 0 where there is none."""
    return np.array([reduce(values[a:b]) if b > a else 0.0 for a, b in zip(low, high, strict=True)], np.float64)


def _regularity(log_gaps: npt.NDArray[np.float64]) -> float:
    """Share of gaps that are half, once, twice or four times the median, to 12 %."""
    relative = log_gaps - np.median(log_gaps)
    return float((np.abs(relative - np.round(relative)) < 0.16).mean())


def _register(roll: _Roll, near: _Spans) -> _Found:
    sounding = roll.sounding
    pitch = (np.arange(_PITCHES) + _LOWEST - 60) / 12
    heard = np.asarray(sounding.any(axis=1))
    counts = roll.sums(sounding.sum(axis=1), near)
    frames = np.maximum(roll.sums(heard, near), 1)
    powers = np.stack([pitch, np.square(pitch)], axis=1)
    totals = roll.sums(roll.by_frame(lambda block: block.astype(np.float64) @ powers), near)
    mean, square = totals.T / np.maximum(counts, 1)
    lowest = np.where(heard, pitch[sounding.argmax(axis=1)], 0)
    highest = np.where(heard, pitch[_PITCHES - 1 - sounding[:, ::-1].argmax(axis=1)], 0)
    return {
        "polyphony": counts / frames,
        "silence": 1 - _mean(roll.sums(heard, near), near),
        "register": mean,
        "register_spread": np.sqrt(np.maximum(square - np.square(mean), 0)),
        "bass": roll.sums(lowest, near) / frames,
        "top": roll.sums(highest, near) / frames,
        "low_share": roll.sums(sounding[:, : 48 - _LOWEST].sum(axis=1), near) / np.maximum(counts, 1),
    }
