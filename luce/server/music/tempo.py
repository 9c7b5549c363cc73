"""Tempo and beats from the onset envelope, or the honest answer that there is no steady beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND, pick_onsets
from luce.server.music.spectra import FloatArray

#: Range of tempi that are looked for, in beats a minute.
SLOWEST_BPM, FASTEST_BPM = 40.0, 220.0
#: Below this confidence no tempo is named.
CLEAR_TEMPO_CONFIDENCE = 0.5

#: Prior over tempi in octaves, a normal curve as in Ellis (2007); centre and width chosen on 120 songs of POP909.
_PREFERRED_BPM, _PREFERENCE_OCTAVES = 100.0, 0.85
#: Autocorrelation is taken in stretches, so that a change of phase in mid-piece does not cancel the pulse.
_STRETCH_SECONDS, _STRETCH_HOP_SECONDS = 12.0, 6.0
_SHORTEST_SECONDS = 3.0
_FEWEST_ONSETS = 6


@dataclass(frozen=True)
class TempoEstimate:
    """The tempo.

    Attributes:
        bpm: beats a minute, 40 to 220; None where no beat is steady.
        confidence: 0 to 1; at least 0.5 where a tempo is named.
        beat_times: times of the beats in seconds; empty where no tempo is named.
        pulse_clarity: 0 to 1, height of the autocorrelation of the onset envelope at the best period, also where
            no tempo is named.
        alternatives: other levels of the pulse that may be felt as the beat (half, double, ...), in beats a minute,
            likelier first.
    """

    bpm: float | None
    confidence: float
    beat_times: tuple[float, ...]
    pulse_clarity: float
    alternatives: tuple[float, ...] = ()


def autocorrelation(envelope: FloatArray, longest: int) -> FloatArray:
    """Mean normalised autocorrelation of the envelope's stretches, (longest + 1,), 1 at lag 0 (0 if silent)."""
    size = round(_STRETCH_SECONDS * ONSET_FRAMES_PER_SECOND)
    hop = round(_STRETCH_HOP_SECONDS * ONSET_FRAMES_PER_SECOND)
    local = scipy.ndimage.uniform_filter1d(envelope, round(ONSET_FRAMES_PER_SECOND))
    rises = np.maximum(envelope - local, 0)
    total, weight = np.zeros(longest + 1), 0.0
    for start in range(0, max(1, rises.size - size // 2), hop):
        piece = rises[start : start + size]
        piece = piece - piece.mean()
        padded = scipy.fft.next_fast_len(piece.size + longest + 1)
        spectrum = scipy.fft.rfft(piece, padded)
        raw = scipy.fft.irfft(np.square(np.abs(spectrum)), padded)[: longest + 1]
        energy = float(raw[0])
        if energy <= 1e-9:
            continue
        # Unbiased, but never by more than a factor of two: the far lags of a short stretch are unreliable.
        overlap = np.maximum(piece.size - np.arange(longest + 1), piece.size / 2)
        share = np.sqrt(energy)
        total += share * raw / energy * (piece.size / overlap)
        weight += share
    result: FloatArray = (total / weight if weight else total).astype(np.float32)
    return result


def pulse(envelope: FloatArray) -> tuple[float, float]:
    """Best beat period in frames, and its clarity (0 to 1): how high the autocorrelation stands at its multiples."""
    rate = ONSET_FRAMES_PER_SECOND
    curve = autocorrelation(envelope, int(4 * 60 / SLOWEST_BPM * rate))
    candidates = np.geomspace(60 / FASTEST_BPM, 60 / SLOWEST_BPM, 400) * rate
    heights = [np.interp(candidates * multiple, np.arange(curve.size), curve) for multiple in (1, 2, 3, 4)]
    support = (heights[0] + 0.7 * heights[1] + 0.3 * heights[2] + 0.5 * heights[3]) / 2.5
    octaves = np.log2(60 * rate / candidates / _PREFERRED_BPM)
    preference = np.exp(-0.5 * np.square(octaves / _PREFERENCE_OCTAVES))
    best = int((np.maximum(support, 0) * preference).argmax())
    return float(candidates[best]), float(np.clip(support[best], 0, 1))


def estimate_tempo(envelope: FloatArray) -> TempoEstimate:
    """Estimate the tempo and track the beats of a whole piece from :func:`luce.server.music.onsets.onset_envelope`."""
    rate = ONSET_FRAMES_PER_SECOND
    times, _ = pick_onsets(envelope)
    if envelope.size < _SHORTEST_SECONDS * rate:
        return TempoEstimate(None, 0.0, (), 0.0)
    period, clarity = pulse(envelope)
    confidence = _confidence(clarity, times, envelope.size / rate)
    if confidence < CLEAR_TEMPO_CONFIDENCE:
        return TempoEstimate(None, confidence, (), clarity)
    beats = track_beats(envelope, period)
    bpm = _refine(beats, 60 * rate / period)
    return TempoEstimate(bpm, confidence, tuple(float(frame / rate) for frame in beats), clarity)


def _confidence(clarity: float, times: FloatArray, seconds: float) -> float:
    """From the pulse's clarity, where there are notes enough to carry one."""
    if times.size < _FEWEST_ONSETS or times.size / seconds < 0.4:
        return 0.0
    return float(np.clip((clarity - 0.05) / 0.3, 0, 1))


def track_beats(envelope: FloatArray, period: float) -> npt.NDArray[np.int64]:
    """Frames of the beats, by dynamic programming (Ellis 2007, "Beat tracking by dynamic programming").

    Args:
        envelope: onset envelope (T,).
        period: frames a beat.
    """
    spread = float(envelope.std())
    local = scipy.ndimage.gaussian_filter1d(envelope / spread if spread > 0 else envelope, max(period / 32, 0.5))
    near, far = round(period / 2), round(2 * period)
    offsets = np.arange(near, far + 1)
    penalty = -100 * np.square(np.log(offsets / period))
    score = local.astype(np.float64)
    previous = np.full(local.size, -1)
    for frame in range(near, local.size):
        reach = offsets[: min(offsets.size, frame - near + 1)]
        values = score[frame - reach] + penalty[: reach.size]
        best = int(values.argmax())
        if values[best] > 0:
            score[frame] += values[best]
            previous[frame] = frame - reach[best]
    tail = max(0, local.size - round(period))
    chain = [tail + int(score[tail:].argmax())]
    while previous[chain[-1]] >= 0:
        chain.append(int(previous[chain[-1]]))
    beats = np.array(chain[::-1])
    # Beats placed before the first or after the last sound are guesses: leave them out.
    heard = np.flatnonzero(local > 0.1 * local.max())
    return beats[(beats >= heard[0] - 1) & (beats <= heard[-1] + 1)] if heard.size else beats[:0]


def _refine(beats: npt.NDArray[np.int64], bpm: float) -> float:
    """The tempo of the beats' median interval over eight beats, where it agrees with ``bpm`` to 6 %."""
    step = min(8, beats.size - 1)
    if step < 1:
        return bpm
    refined = 60 * ONSET_FRAMES_PER_SECOND * step / float(np.median(beats[step:] - beats[:-step]))
    return refined if abs(refined / bpm - 1) < 0.06 else bpm
