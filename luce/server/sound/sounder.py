"""Written music into finished sound: synthesis, room, loudness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from luce.server.music.loudness import SILENCE_LUFS
from luce.server.sound.mastering import loudness_of, master
from luce.server.sound.performance import Performance
from luce.server.sound.room import Room, impulse_response
from luce.server.sound.settings import SoundSettings, check_font
from luce.server.sound.synthesis import Synthesizer

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE: Final = 44_100
"""Hz, of all sound that is made here."""

# The last moments of a piece that is longer than it may be.
_FADE_S: Final = 0.6
# A stream's gain is set by its first sound, and kept; so much quieter than the finished piece, for safety.
_STREAM_MARGIN_LU: Final = 2.0
_STREAM_GAIN_DB: Final = (-12.0, 24.0)
_RAMP_S: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Finished sound.

    Attributes:
        samples: (n, 2) float32 at `SAMPLE_RATE`.
        loudness_lufs: Integrated loudness; -70 for silence.
    """

    samples: FloatArray
    loudness_lufs: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / SAMPLE_RATE


class Sounder:
    """Makes sound of notes. Threads may share it.

    Args:
        settings: Sound font, room, loudness.

    Raises:
        FileNotFoundError: There is no sound font.
        ValueError: What is there is none.
    """

    def __init__(self, settings: SoundSettings) -> None:
        self._settings = settings
        self._font: Path = settings.font()
        check_font(self._font)
        self._response = impulse_response(settings.reverb_s, SAMPLE_RATE) if settings.reverb_s > 0 else None

    @property
    def font(self) -> str:
        """File name of the sound font."""
        return self._font.name

    def stream(self) -> SoundStream:
        """A piece to be played while it is written."""
        return SoundStream(self._synthesizer(), self._room(), self._settings)

    def render(self, notes: Performance, seconds: float) -> Sound:
        """A whole piece of exactly so many seconds: cut, with a fade, where its last notes ring on for longer.

        Args:
            notes: What is played.
            seconds: Length, > 0.
        """
        synthesizer = self._synthesizer()
        synthesizer.add(notes)
        samples = self._room().add(synthesizer.play(round(seconds * SAMPLE_RATE)))
        samples = _faded(samples)
        finished, loudness = master(samples, SAMPLE_RATE, self._settings.loudness_lufs, self._settings.ceiling_dbtp)
        return Sound(finished, loudness)

    def _synthesizer(self) -> Synthesizer:
        return Synthesizer(self._font, SAMPLE_RATE, self._settings.max_voices)

    def _room(self) -> Room:
        return Room(self._response, self._settings.reverb_share)


class SoundStream:
    """Sound of a piece that is still being written, at a loudness near the finished one's. Made by `Sounder`."""

    def __init__(self, synthesizer: Synthesizer, room: Room, settings: SoundSettings) -> None:
        self._synthesizer = synthesizer
        self._room = room
        self._settings = settings
        self._gain: float | None = None
        self._last_gain = 0.0
        self.seconds = 0.0
        """How much was played."""

    def add(self, notes: Performance) -> None:
        """Notes to come; none may begin before what was played."""
        self._synthesizer.add(notes)

    def play(self, until_s: float) -> FloatArray:
        """The sound from where it stands to a moment, (n, 2) float32."""
        block = self._room.add(self._synthesizer.play(round(until_s * SAMPLE_RATE)))
        self.seconds = max(self.seconds, until_s)
        if not len(block):
            return block
        if self._gain is None and (loudness := loudness_of(block, SAMPLE_RATE)) > SILENCE_LUFS:
            wanted = self._settings.loudness_lufs - _STREAM_MARGIN_LU - loudness
            self._gain = self._last_gain = float(10 ** (np.clip(wanted, *_STREAM_GAIN_DB) / 20))
        peak = float(np.abs(block).max())
        gain = min(self._gain or 1.0, 10 ** (self._settings.ceiling_dbtp / 20) / max(peak, 1e-9))
        gains = np.full(len(block), gain, np.float32)
        ramp = min(len(block), round(_RAMP_S * SAMPLE_RATE))
        gains[:ramp] = np.linspace(self._last_gain or gain, gain, ramp)
        self._last_gain = gain
        result: FloatArray = np.clip(block * gains[:, np.newaxis], -1.0, 1.0)
        return result


def _faded(samples: FloatArray) -> FloatArray:
    """The end drawn to silence: by nothing that is heard where the piece has died away by itself."""
    count = min(len(samples), round(_FADE_S * SAMPLE_RATE))
    if not count:
        return samples
    curve = np.cos(np.linspace(0.0, np.pi / 2, count, dtype=np.float32)) ** 2
    return np.concatenate([samples[:-count], samples[-count:] * curve[:, np.newaxis]])
