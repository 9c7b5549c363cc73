"""A recording to notes: what goes into the model `note_transcriber`, and what its answer says.

The network is Spotify's basic-pitch (Bittner et al. 2022, "A lightweight instrument-agnostic model for polyphonic note
transcription and multipitch estimation"). It hears windows of two seconds; the inference itself is the caller's:

    posteriors = stitch(*ask_model(windows(samples)), samples.size)
    notes = track_notes(posteriors)

or, part by part, :class:`WindowCutter` and :class:`NoteTracker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.server.music.notes import Notes
from luce.server.music.spectra import SAMPLE_RATE, FloatArray

#: Samples of a window at 22050 Hz, and the samples from one window to the next.
WINDOW_SAMPLES, WINDOW_HOP = 43844, 36164
#: Frames the model gives for a window, and those cut off at either end, where it hears too little.
WINDOW_FRAMES, MARGIN_FRAMES = 172, 15
#: Samples a frame.
FRAME_HOP = 256
#: Semitones, from A0 (MIDI number 21) to C8.
PITCHES, LOWEST_PITCH = 88, 21

_KEPT_FRAMES = WINDOW_FRAMES - 2 * MARGIN_FRAMES
#: A note sounds while its posterior is above the first, and begins where the onset's is above the second.
_SOUNDING, _BEGINNING = 0.3, 0.5
#: Frames below the threshold that a note may bridge (128 ms), and the fewest frames of a note.
_GAP_FRAMES, _FEWEST_FRAMES = 11, 6
#: Fewest frames of a note that sounds without a clear onset: slow strings, a swell.
_FEWEST_WITHOUT_ONSET = 18
#: Notes whose mean posterior is lower are mostly harmonics of others; chosen on renderings of VGMIDI.
_LEAST_AMPLITUDE = 0.4
#: Stretches that a long recording is tracked in, and what is heard before and after each: 52, 3.3 and 6.6 s.
_STRETCH_FRAMES, _BEFORE_FRAMES, _AFTER_FRAMES = 32 * _KEPT_FRAMES, 2 * _KEPT_FRAMES, 4 * _KEPT_FRAMES


@dataclass(frozen=True)
class Posteriors:
    """What the model heard, frame by frame.

    Attributes:
        sounding: (T, 88) float32 in [0, 1], that a pitch sounds.
        beginning: (T, 88) float32 in [0, 1], that a note of that pitch begins.
    """

    sounding: FloatArray
    beginning: FloatArray


def windows(samples: npt.NDArray[Any]) -> FloatArray:
    """Cut mono samples at 22050 Hz (N,) into the model's windows (W, 43844) float32; the last is padded with zeros."""
    cutter = WindowCutter()
    return np.concatenate([cutter.feed(np.asarray(samples, np.float32)), cutter.finish()])


def window_count(sample_count: int) -> int:
    """How many windows a signal has, at least one."""
    return max(1, -(-sample_count // WINDOW_HOP))


class WindowCutter:
    """The windows of a signal that comes in pieces: those of :func:`windows`."""

    def __init__(self) -> None:
        # The first window begins with the silence before the music, as long as the margin that is cut off.
        self._held = np.zeros(MARGIN_FRAMES * FRAME_HOP, np.float32)
        self._samples = self._given = 0

    def feed(self, samples: FloatArray) -> FloatArray:
        """Take the next samples (n,); the windows (W, 43844) float32 that they complete."""
        self._samples += samples.size
        self._held = np.concatenate([self._held, samples])
        return self._take((self._held.size - WINDOW_SAMPLES) // WINDOW_HOP + 1)

    def finish(self) -> FloatArray:
        """The windows at the end, padded with zeros."""
        left = window_count(self._samples) - self._given
        missing = (left - 1) * WINDOW_HOP + WINDOW_SAMPLES - self._held.size
        self._held = np.pad(self._held, (0, max(0, missing)))
        return self._take(left)

    def _take(self, count: int) -> FloatArray:
        if count <= 0:
            return np.zeros((0, WINDOW_SAMPLES), np.float32)
        self._given += count
        views = np.lib.stride_tricks.sliding_window_view(self._held, WINDOW_SAMPLES)
        taken = np.ascontiguousarray(views[::WINDOW_HOP][:count])
        self._held = self._held[count * WINDOW_HOP :].copy()
        return taken


def stitch(notes: npt.NDArray[Any], onsets: npt.NDArray[Any], sample_count: int) -> Posteriors:
    """Join the model's answers, each (W, 172, 88), to one curve of the frames that the signal has."""
    last = frame_at(sample_count / SAMPLE_RATE)
    joined = [part[:, MARGIN_FRAMES:-MARGIN_FRAMES].reshape(-1, PITCHES)[: last + 1] for part in (notes, onsets)]
    return Posteriors(*(np.ascontiguousarray(part, dtype=np.float32) for part in joined))


def frame_times(frames: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Times of frames, seconds.

    The 142 frames kept of a window stand for its hop of 36164 samples, which is 141.27 frames: plain multiples of 256
    samples would drift by 8 ms a window.
    """
    window, inside = np.divmod(np.asarray(frames, np.int64), _KEPT_FRAMES)
    result: npt.NDArray[np.float64] = (window * WINDOW_HOP + inside * FRAME_HOP) / SAMPLE_RATE
    return result


def frame_at(seconds: float) -> int:
    """The last frame that begins at or before a time."""
    window, rest = divmod(round(seconds * SAMPLE_RATE), WINDOW_HOP)
    return int(window * _KEPT_FRAMES + min(rest // FRAME_HOP, _KEPT_FRAMES - 1))


def track_notes(posteriors: Posteriors) -> Notes:
    """Notes from posteriors.

    A note begins at a peak of its onset posterior (or of the rise of its own posterior) and ends where that stays low
    for 128 ms or the next note of its pitch begins. What still sounds for 0.2 s without an onset is a note as well.
    """
    return _Found.of(posteriors).notes()


class NoteTracker:
    """Notes of a recording whose windows come in parts: :func:`track_notes` over stretches of a minute.

    A stretch is heard with what sounds before and after it, and so much is all that is kept of the posteriors. Up to a
    minute the notes are those of the whole; beyond it a note that is held far into the next stretch is cut.
    """

    def __init__(self) -> None:
        self._sounding = np.zeros((0, PITCHES), np.float32)
        self._beginning = np.zeros((0, PITCHES), np.float32)
        # Frames of the whole: where what is kept begins, and from where on notes are still to be told.
        self._first = self._next = 0
        self._found: list[_Found] = []

    def feed(self, notes: npt.NDArray[Any], onsets: npt.NDArray[Any]) -> None:
        """Take the model's answers for the next windows, each (W, 172, 88)."""
        kept = [part[:, MARGIN_FRAMES:-MARGIN_FRAMES].reshape(-1, PITCHES) for part in (notes, onsets)]
        self._sounding = np.concatenate([self._sounding, kept[0]], dtype=np.float32)
        self._beginning = np.concatenate([self._beginning, kept[1]], dtype=np.float32)
        while self._first + len(self._sounding) >= self._next + _STRETCH_FRAMES + _AFTER_FRAMES:
            end = self._next + _STRETCH_FRAMES
            self._tell(end, end + _AFTER_FRAMES)
            done = end - _BEFORE_FRAMES - self._first
            self._sounding, self._beginning = self._sounding[done:], self._beginning[done:]
            self._first, self._next = self._first + done, end

    def finish(self, sample_count: int) -> Notes:
        """All notes, of a signal with so many samples at 22050 Hz."""
        last = frame_at(sample_count / SAMPLE_RATE) + 1
        self._tell(last, last)
        return _Found.joined(self._found).notes()

    def _tell(self, end: int, heard: int) -> None:
        """Track what is kept up to the frame ``heard``; tell the notes that begin before ``end``."""
        size = max(0, heard - self._first)
        found = _Found.of(Posteriors(self._sounding[:size], self._beginning[:size])).later(self._first)
        self._found.append(found.where((found.first >= self._next) & (found.first < end)))


@dataclass(frozen=True)
class _Found:
    """Notes in frames: where each begins and ends, its row of pitch, its mean posterior; each (N,)."""

    first: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    pitch: npt.NDArray[np.int64]
    strength: npt.NDArray[np.float64]

    @classmethod
    def of(cls, posteriors: Posteriors) -> _Found:
        sounding = posteriors.sounding
        starts = _onset_peaks(posteriors)
        ends = np.minimum(_next_silence(sounding), _next_start(starts))
        frames, pitches = np.nonzero(starts)
        stops = ends[frames, pitches]
        long = stops - frames > _FEWEST_FRAMES
        frames, pitches, stops = frames[long], pitches[long], stops[long]
        more = _without_onset(sounding, frames, pitches, stops)
        frames, pitches, stops = (np.concatenate(pair) for pair in zip((frames, pitches, stops), more, strict=True))
        totals = np.concatenate([np.zeros((1, PITCHES)), np.cumsum(sounding, axis=0, dtype=np.float64)])
        strength = (totals[stops, pitches] - totals[frames, pitches]) / np.maximum(stops - frames, 1)
        return cls(frames, stops, pitches, strength).where(strength >= _LEAST_AMPLITUDE)

    @classmethod
    def joined(cls, parts: Sequence[_Found]) -> _Found:
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def where(self, kept: npt.NDArray[np.bool_]) -> _Found:
        return _Found(self.first[kept], self.stop[kept], self.pitch[kept], self.strength[kept])

    def later(self, frames: int) -> _Found:
        return _Found(self.first + frames, self.stop + frames, self.pitch, self.strength)

    def notes(self) -> Notes:
        onset, offset = frame_times(self.first), frame_times(self.stop)
        return Notes.sorted(onset, offset, self.pitch + LOWEST_PITCH, np.minimum(self.strength, 1))


def _onset_peaks(posteriors: Posteriors) -> npt.NDArray[np.bool_]:
    """Where notes begin, (T, 88)."""
    beginning, sounding = posteriors.beginning, posteriors.sounding
    rises = np.maximum(np.diff(sounding, axis=0, prepend=sounding[:1]), 0)
    # A rise of the note itself counts as an onset as well, on the onsets' scale (as in basic-pitch).
    scale = float(beginning.max(initial=0.0)) / max(float(rises.max(initial=0.0)), 1e-6)
    evidence = np.maximum(beginning, rises * np.float32(scale))
    padded = np.pad(evidence, ((1, 1), (0, 0)))
    peaks: npt.NDArray[np.bool_] = (evidence > _BEGINNING) & (evidence > padded[:-2]) & (evidence >= padded[2:])
    return peaks


def _next_silence(sounding: FloatArray) -> npt.NDArray[np.int64]:
    """For each frame and pitch, the first later frame from which the pitch stays low."""
    total = len(sounding)
    low = np.concatenate([sounding < _SOUNDING, np.ones((_GAP_FRAMES, PITCHES), np.bool_)])
    sums = np.concatenate([np.zeros((1, PITCHES), np.int64), np.cumsum(low, axis=0)])
    stays = (sums[_GAP_FRAMES:] - sums[:-_GAP_FRAMES])[:total] == _GAP_FRAMES
    return _first_later(stays, total)


def _next_start(starts: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    return _first_later(starts, len(starts))


def _first_later(marks: npt.NDArray[np.bool_], total: int) -> npt.NDArray[np.int64]:
    """The first marked frame after each frame (T, 88); the end where there is none."""
    frames = np.where(marks, np.arange(total)[:, None], total)
    later = np.concatenate([frames[1:], np.full((1, marks.shape[1]), total)])
    result: npt.NDArray[np.int64] = np.minimum.accumulate(later[::-1], axis=0)[::-1]
    return result


def _without_onset(
    sounding: FloatArray,
    frames: npt.NDArray[np.int64],
    pitches: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First frame, pitch and end of the stretches that sound and belong to no note yet."""
    edges = np.zeros((len(sounding) + 1, PITCHES), np.int32)
    np.add.at(edges, (frames, pitches), 1)
    np.add.at(edges, (stops, pitches), -1)
    free = (np.cumsum(edges, axis=0)[:-1] == 0) & (sounding >= _SOUNDING)
    steps = np.diff(free.astype(np.int8), axis=0, prepend=0, append=0)
    # Pitch by pitch, so that the n-th beginning belongs to the n-th end.
    pitch, first = np.nonzero((steps > 0).T)
    _, last = np.nonzero((steps < 0).T)
    long = last - first > _FEWEST_WITHOUT_ONSET
    return first[long], pitch[long], last[long]
