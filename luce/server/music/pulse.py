"""The pulse of a piece, followed through it, from the onset envelope of the signal and the notes together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from luce.server.music.spectra import FloatArray
from luce.server.music.tempo import SLOWEST_BPM, autocorrelation

#: Pulses that are looked for, in beats a minute.
FASTEST_PULSE_BPM = 280.0
#: The pulse is measured in stretches of this length, one every so often (seconds).
_STRETCH_SECONDS, _STRETCH_HOP_SECONDS = 8.0, 2.0
#: Cost of a change of pulse by an octave from one stretch to the next; small drifts are nearly free.
_CHANGE_COST = 6.0
_CANDIDATES = 240
#: Frames a pulse of a straightened envelope.
FRAMES_A_PULSE = 24
#: Centre (beats a minute) and width (octaves) of the prior over pulses, as in :mod:`luce.server.music.tempo`.
_PREFERRED_BPM, _PREFERENCE_OCTAVES = 110.0, 0.9


@dataclass(frozen=True)
class Pulse:
    """The steadiest pulse of a piece, which may drift.

    Attributes:
        times: (S,) seconds.
        periods: (S,) length of the pulse at those times, seconds.
    """

    times: npt.NDArray[np.float64]
    periods: npt.NDArray[np.float64]

    @property
    def period(self) -> float:
        """Median length of the pulse, seconds."""
        return float(np.median(self.periods))

    def phase(self, seconds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """How many pulses have passed at the given times."""
        grid, passed = self._passed()
        result: npt.NDArray[np.float64] = np.interp(np.asarray(seconds, np.float64), grid, passed)
        return result

    def seconds(self, phase: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The times at which so many pulses have passed."""
        grid, passed = self._passed()
        result: npt.NDArray[np.float64] = np.interp(np.asarray(phase, np.float64), passed, grid)
        return result

    def straightened(self, envelope: FloatArray) -> FloatArray:
        """The envelope on a clock on which the pulse is steady: :data:`FRAMES_A_PULSE` frames each."""
        count = int(self.phase(envelope.size / ONSET_FRAMES_PER_SECOND) * FRAMES_A_PULSE) + 1
        times = self.seconds(np.arange(count) / FRAMES_A_PULSE)
        frames = np.arange(envelope.size) / ONSET_FRAMES_PER_SECOND
        return np.interp(times, frames, envelope).astype(np.float32)

    def _passed(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        grid = np.arange(0.0, float(self.times[-1]) + _STRETCH_SECONDS + 1.0, 0.05)
        rate = 1 / np.interp(grid, self.times, self.periods)
        return grid, np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(grid))])


def note_envelope(notes: Notes, size: int) -> FloatArray:
    """Onsets of notes as an envelope (size,) at the rate of :mod:`luce.server.music.onsets`; chords count by root."""
    raw = np.zeros(size)
    np.add.at(
        raw, np.clip(np.rint(notes.onset_s * ONSET_FRAMES_PER_SECOND).astype(np.int64), 0, size - 1), notes.amplitude
    )
    smooth: FloatArray = scipy.ndimage.gaussian_filter1d(np.sqrt(raw), 1.0).astype(np.float32)
    return smooth


def joint_envelope(envelope: FloatArray, notes: Notes) -> FloatArray:
    """The onset envelope of the signal and that of the notes, with equal say, (T,)."""
    parts = [envelope, note_envelope(notes, envelope.size)]
    spreads = [float(part.std()) for part in parts]
    result = sum(
        (part / spread for part, spread in zip(parts, spreads, strict=True) if spread > 1e-6), np.zeros(envelope.size)
    )
    return np.asarray(result, np.float32)


def follow_pulse(envelope: FloatArray) -> Pulse:
    """Follow the pulse through an envelope (T,) by dynamic programming over stretches of 8 s."""
    rate = ONSET_FRAMES_PER_SECOND
    size, hop = round(_STRETCH_SECONDS * rate), round(_STRETCH_HOP_SECONDS * rate)
    periods = np.geomspace(60 / FASTEST_PULSE_BPM, 60 / SLOWEST_BPM, _CANDIDATES)
    octaves = np.log2(60 / periods / _PREFERRED_BPM)
    preference = -0.5 * np.square(octaves / _PREFERENCE_OCTAVES)
    starts = list(range(0, max(1, envelope.size - size // 2), hop))
    heights = np.stack([_support(envelope[start : start + size], periods * rate) for start in starts])
    score = np.log(np.maximum(heights, 0.02)) + preference
    # Only so far does the pulse move in two seconds; a jump to any other is one cost for all.
    reach = _CANDIDATES // 12
    steps = np.arange(-reach, reach + 1)
    costs = _CHANGE_COST * np.abs(steps) * (octaves[0] - octaves[1])
    total, origins = score[0], []
    for row in score[1:]:
        padded = np.pad(total, reach, constant_values=-np.inf)
        moves = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1) - costs
        best = moves.argmax(axis=1)
        origins.append(np.clip(np.arange(_CANDIDATES) + steps[best], 0, _CANDIDATES - 1))
        total = row + moves.max(axis=1)
    path = [int(total.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    places = np.array(path[::-1])
    times = (np.array(starts) + min(size, envelope.size) / 2) / rate
    return Pulse(times, periods[places])


def _support(stretch: FloatArray, periods: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How well the stretch repeats at each period (frames) and its multiples."""
    longest = int(3 * periods[-1])
    curve = autocorrelation(stretch, longest)
    grid = np.arange(curve.size)
    heights = [np.interp(periods * multiple, grid, curve) for multiple in (1, 2, 3, 4)]
    return np.asarray((heights[0] + 0.7 * heights[1] + 0.3 * heights[2] + 0.5 * heights[3]) / 2.5, np.float64)
