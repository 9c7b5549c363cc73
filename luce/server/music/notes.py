"""Notes as arrays, whether read from MIDI or heard in a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luce.server.music.spectra import FloatArray


@dataclass(frozen=True)
class Notes:
    """The pitched notes of a piece, in order of onset, then of pitch.

    Attributes:
        onset_s: (N,) float32, where each note begins, seconds.
        offset_s: (N,) float32, where it ends, seconds; after the onset.
        pitch: (N,) int16, MIDI number, 0 to 127.
        amplitude: (N,) float32 in [0, 1]: velocity / 127 of MIDI, mean posterior of a transcription.
    """

    onset_s: FloatArray
    offset_s: FloatArray
    pitch: npt.NDArray[np.int16]
    amplitude: FloatArray

    @classmethod
    def sorted(
        cls, onset: npt.ArrayLike, offset: npt.ArrayLike, pitch: npt.ArrayLike, amplitude: npt.ArrayLike
    ) -> Notes:
        """Notes in order, from four sequences of one length."""
        onsets, pitches = np.asarray(onset, np.float32), np.asarray(pitch, np.int16)
        order = np.lexsort((pitches, onsets))
        ends, strengths = np.asarray(offset, np.float32), np.asarray(amplitude, np.float32)
        return cls(onsets[order], ends[order], pitches[order], strengths[order])

    @property
    def count(self) -> int:
        """How many notes there are."""
        return int(self.onset_s.size)

    def between(self, start_s: float, stop_s: float) -> Notes:
        """The notes that sound in a stretch, cut to it; times count from its start."""
        inside = (self.onset_s < stop_s) & (self.offset_s > start_s)
        return Notes(
            np.maximum(self.onset_s[inside] - np.float32(start_s), 0),
            np.minimum(self.offset_s[inside], np.float32(stop_s)) - np.float32(start_s),
            self.pitch[inside],
            self.amplitude[inside],
        )
