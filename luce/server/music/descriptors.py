"""A curve of descriptors: one vector of fixed order for each 5 seconds of music, every second.

These vectors are the input ``descriptors`` of the Triton model ``music_emotion``. A change of any name, order, unit
or computation here needs a retrained model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luce.server.music.key import correlations, normalised
from luce.server.music.loudness import BLOCK_HOP_SECONDS, SILENCE_LUFS, lufs
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from luce.server.music.pitch import LOWEST_NOTE, NOTE_COUNT, PEAK_FRAMES_PER_SECOND
from luce.server.music.spectra import FloatArray
from luce.server.music.tempo import TempoEstimate, pulse
from luce.server.music.timbre import Timbre

#: A vector describes this long a stretch,
WINDOW_SECONDS = 5.0
#: one begins every so often,
HOP_SECONDS = 1.0
#: and the descriptors named "context" hear this long a stretch around its centre.
CONTEXT_SECONDS = 15.0

#: A window quieter than this is silent: every descriptor but the loudness is 0.
SILENT_WINDOW_LUFS = -65.0

#: (name, unit and meaning), in the order of the vector.
DESCRIPTORS: tuple[tuple[str, str], ...] = (
    ("loudness", "LUFS, K-weighted mean power of the window, at least -70"),
    ("loudness_relative", "LU above the integrated loudness of the piece"),
    ("loudness_spread", "LU, standard deviation of the 400-ms loudness"),
    ("onset_rate", "onsets a second"),
    ("onset_rate_context", "onsets a second, in context"),
    ("onset_strength", "dB, mean rise at the onsets; 0 without any"),
    ("flux", "dB, mean of the onset envelope"),
    ("pulse_clarity", "0..1, height of the onset autocorrelation at the best period, in context"),
    ("tempo", "octaves above 100 beats a minute, of the piece; 0 where none is clear"),
    ("tempo_confidence", "0..1, of the piece"),
    ("centroid", "octaves above 1 kHz, mean of the spectral centroid"),
    ("centroid_spread", "octaves, standard deviation of the spectral centroid"),
    ("rolloff", "octaves above 1 kHz, mean of the 85 % rolloff"),
    ("flatness", "dB, mean spectral flatness"),
    ("low_share", "0..1, share of the power below 250 Hz"),
    ("high_share", "0..1, share of the power above 3 kHz"),
    ("decay", "dB a second, mean fall of the level where it falls"),
    ("pause_share", "0..1, share of frames 25 dB or more below the loudest of the window"),
    ("mode_score", "-1..1, best major minus best minor key correlation"),
    ("mode_score_context", "-1..1, the same in context"),
    ("key_clarity", "-1..1, best key correlation"),
    ("key_clarity_context", "-1..1, the same in context"),
    ("chroma_entropy", "0..1, evenness of the pitch classes"),
    ("triad_balance", "-1..1, major against minor triads"),
    ("triad_balance_context", "-1..1, the same in context"),
    ("semitone_share", "0..1, share of minor seconds among simultaneous intervals of pitch classes"),
    ("tritone_share", "0..1, share of tritones among simultaneous intervals of pitch classes"),
    ("harmonic_change", "0..1, mean distance of the pitch classes half a second apart"),
    ("roughness", "sensory dissonance (Sethares), 0 to about 0.3"),
    ("tonal_share", "0..1, share of the energy at spectral peaks"),
    ("tuning_agreement", "0..1, of the piece: do pitches lie on one grid of semitones"),
    ("register", "octaves above middle C, mean of the notes by salience"),
    ("bass_register", "octaves above middle C, mean of the lowest notes"),
    ("polyphony", "mean number of notes at once"),
)
DESCRIPTOR_NAMES: tuple[str, ...] = tuple(name for name, _ in DESCRIPTORS)
DESCRIPTOR_COUNT = len(DESCRIPTORS)

_MAJOR_TRIAD, _MINOR_TRIAD = (0, 4, 7), (0, 3, 7)


@dataclass(frozen=True)
class DescriptorCurve:
    """Descriptors over time.

    Attributes:
        times: (W,) float32, centres of the windows in seconds.
        values: (W, 34) float32 in the order of :data:`DESCRIPTOR_NAMES`.
    """

    times: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Tracks:
    """What the descriptors are computed from: the whole piece, frame by frame."""

    seconds: float
    block_powers: npt.NDArray[np.float64]
    integrated_lufs: float
    timbre: Timbre
    envelope: FloatArray
    onset_times: FloatArray
    onset_heights: FloatArray
    tempo: TempoEstimate
    salience: FloatArray
    chroma: FloatArray
    lowest_notes: FloatArray
    roughness: FloatArray
    tonal_share: FloatArray
    tuning_agreement: float


def window_starts(seconds: float) -> npt.NDArray[np.float64]:
    """Start times of the windows; one, of the whole, for a piece shorter than a window."""
    count = 1 + max(0, int((seconds - WINDOW_SECONDS) // HOP_SECONDS))
    return np.arange(count, dtype=np.float64) * HOP_SECONDS


def describe(tracks: Tracks) -> DescriptorCurve:
    """Compute the curve of a piece."""
    starts = window_starts(tracks.seconds)
    length = min(WINDOW_SECONDS, tracks.seconds)
    values = np.zeros((starts.size, DESCRIPTOR_COUNT), np.float32)
    for row, start in enumerate(starts):
        centre = start + length / 2
        context = (max(0.0, centre - CONTEXT_SECONDS / 2), min(tracks.seconds, centre + CONTEXT_SECONDS / 2))
        found = _Window(tracks, (start, start + length), context).describe()
        values[row] = [found[name] for name in DESCRIPTOR_NAMES]
    return DescriptorCurve((starts + length / 2).astype(np.float32), values)


def triad_balance(chroma: FloatArray) -> float:
    """Major against minor triads, -1 to 1, from chroma rows (T, 12): the best of each kind by its weakest note."""
    smooth = chroma[: len(chroma) // 3 * 3].reshape(-1, 3, 12).mean(axis=1) if len(chroma) >= 3 else chroma
    best = [
        np.stack([smooth[:, [(root + step) % 12 for step in triad]].min(axis=1) for root in range(12)]).max(axis=0)
        for triad in (_MAJOR_TRIAD, _MINOR_TRIAD)
    ]
    both = float((best[0] + best[1]).sum())
    return float((best[0] - best[1]).sum()) / both if both > 0 else 0.0


class _Window:
    """One stretch of a piece and the longer stretch around it."""

    def __init__(self, tracks: Tracks, window: tuple[float, float], context: tuple[float, float]) -> None:
        self._tracks = tracks
        self._window = window
        self._context = context
        blocks = tracks.block_powers[self._span(tracks.block_powers.size, 1 / BLOCK_HOP_SECONDS, window)]
        self._loudness = lufs(blocks)
        self._total = float(lufs(float(blocks.mean())))

    @staticmethod
    def _span(size: int, rate: float, window: tuple[float, float]) -> slice:
        first = min(int(window[0] * rate), size - 1)
        return slice(first, max(first + 1, min(size, int(window[1] * rate))))

    def describe(self) -> dict[str, float]:
        """All descriptors by name."""
        found = dict.fromkeys(DESCRIPTOR_NAMES, 0.0)
        found["loudness"] = self._total
        if self._total > SILENT_WINDOW_LUFS:
            found |= self._dynamics() | self._rhythm() | self._timbre() | self._harmony() | self._register()
        return found

    def _dynamics(self) -> dict[str, float]:
        audible = self._loudness[self._loudness > SILENCE_LUFS]
        return {
            "loudness_relative": self._total - self._tracks.integrated_lufs,
            "loudness_spread": float(audible.std()) if audible.size else 0.0,
        }

    def _rhythm(self) -> dict[str, float]:
        tracks = self._tracks
        times = tracks.onset_times
        inside = (times >= self._window[0]) & (times < self._window[1])
        around = (times >= self._context[0]) & (times < self._context[1])
        span = self._span(tracks.envelope.size, ONSET_FRAMES_PER_SECOND, self._window)
        wide = self._span(tracks.envelope.size, ONSET_FRAMES_PER_SECOND, self._context)
        return {
            "onset_rate": float(inside.sum()) / (self._window[1] - self._window[0]),
            "onset_rate_context": float(around.sum()) / (self._context[1] - self._context[0]),
            "onset_strength": float(tracks.onset_heights[inside].mean()) if inside.any() else 0.0,
            "flux": float(tracks.envelope[span].mean()),
            "pulse_clarity": pulse(tracks.envelope[wide])[1] if around.sum() >= 4 else 0.0,
            "tempo": float(np.log2(tracks.tempo.bpm / 100)) if tracks.tempo.bpm else 0.0,
            "tempo_confidence": tracks.tempo.confidence,
        }

    def _timbre(self) -> dict[str, float]:
        frames = self._tracks.timbre
        span = self._span(frames.level.size, ONSET_FRAMES_PER_SECOND, self._window)
        level = frames.level[span]
        heard = level > level.max() - 25
        fall = -np.diff(level)[heard[:-1] & heard[1:]]
        fall = fall[fall > 0]
        return {
            "centroid": float(frames.centroid[span][heard].mean()),
            "centroid_spread": float(frames.centroid[span][heard].std()),
            "rolloff": float(frames.rolloff[span][heard].mean()),
            "flatness": float(frames.flatness[span][heard].mean()),
            "low_share": float(frames.low_share[span][heard].mean()),
            "high_share": float(frames.high_share[span][heard].mean()),
            "decay": float(fall.mean()) * ONSET_FRAMES_PER_SECOND if fall.size else 0.0,
            "pause_share": 1 - float(heard.mean()),
        }

    def _harmony(self) -> dict[str, float]:
        tracks = self._tracks
        span = self._span(len(tracks.chroma), PEAK_FRAMES_PER_SECOND, self._window)
        near = normalised(tracks.chroma[span])
        far = normalised(tracks.chroma[self._span(len(tracks.chroma), PEAK_FRAMES_PER_SECOND, self._context)])
        keys, wide = correlations(near.sum(axis=0)), correlations(far.sum(axis=0))
        share = near.sum(axis=0, dtype=np.float64) / max(float(near.sum()), 1e-9)
        intervals = [float((near * np.roll(near, step, axis=1)).sum()) for step in range(1, 7)]
        # Each tritone is counted from both of its ends.
        intervals[5] /= 2
        pairs = max(sum(intervals), 1e-9)
        return {
            "mode_score": float(keys[:12].max() - keys[12:].max()),
            "mode_score_context": float(wide[:12].max() - wide[12:].max()),
            "key_clarity": float(keys.max()),
            "key_clarity_context": float(wide.max()),
            "chroma_entropy": float(-(share * np.log(np.maximum(share, 1e-12))).sum() / np.log(12)),
            "triad_balance": triad_balance(near),
            "triad_balance_context": triad_balance(far),
            "semitone_share": intervals[0] / pairs,
            "tritone_share": intervals[5] / pairs,
            "harmonic_change": _change(near),
            "roughness": float(tracks.roughness[span].mean()),
            "tonal_share": float(tracks.tonal_share[span].mean()),
            "tuning_agreement": tracks.tuning_agreement,
        }

    def _register(self) -> dict[str, float]:
        tracks = self._tracks
        span = self._span(len(tracks.salience), PEAK_FRAMES_PER_SECOND, self._window)
        salience, lowest = tracks.salience[span], tracks.lowest_notes[span]
        total, sounding = float(salience.sum()), np.isfinite(lowest)
        notes = LOWEST_NOTE + np.arange(NOTE_COUNT)
        strong = (salience > 0) & (salience >= 0.25 * salience.max(axis=1, keepdims=True))
        return {
            "register": (float(salience.sum(axis=0) @ notes) / total - 60) / 12 if total > 0 else 0.0,
            "bass_register": (float(lowest[sounding].mean()) - 60) / 12 if sounding.any() else 0.0,
            "polyphony": float(strong[sounding].sum(axis=1).mean()) if sounding.any() else 0.0,
        }


def _change(chroma: FloatArray) -> float:
    """Mean cosine distance between the pitch classes of half-seconds next to each other."""
    size = max(1, round(0.5 * PEAK_FRAMES_PER_SECOND))
    whole = len(chroma) // size * size
    groups = chroma[:whole].reshape(-1, size, 12).mean(axis=1)
    norms = np.linalg.norm(groups, axis=1)
    valid = (norms[:-1] > 0) & (norms[1:] > 0)
    if not valid.any():
        return 0.0
    dots = (groups[:-1] * groups[1:]).sum(axis=1)[valid] / (norms[:-1] * norms[1:])[valid]
    return float(1 - dots.mean())
