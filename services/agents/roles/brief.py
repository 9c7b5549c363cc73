"""What every agent is told: the music, on scales from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from luce.v1 import agents_pb2

# Whole pieces lie close together, and not around zero: the labelled means of VGMIDI have their centre at +0.15 valence
# and +0.05 arousal and standard deviations of 0.22 and 0.24, which a regressor of r 0.8 draws closer still (to about
# 0.19); the vocabulary's moods have 0.54 and 0.57 around zero. The agents use the whole plane, else most music would
# look alike.
EXPRESSION_CENTRE: Final = (0.15, 0.05)
EXPRESSION_GAIN: Final = 3.0

_SLOW_BPM, _FAST_BPM = 60.0, 160.0
_SOFT_LUFS, _LOUD_LUFS = -34.0, -10.0
_MODE_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Brief:
    """The music as the agents see it.

    Attributes:
        valence: -1..1, stretched.
        arousal: -1..1, stretched.
        pace: Tempo from slow (-1) to fast (1); the arousal where there is no clear tempo.
        power: Loudness from soft (-1) to loud (1).
        mode: Of the key; None where it is not clear.
        silent: Nothing was heard.
    """

    valence: float
    arousal: float
    pace: float
    power: float
    mode: Literal["major", "minor"] | None = None
    silent: bool = False

    @property
    def felt(self) -> tuple[float, float]:
        """Valence and arousal as they were heard, before they were stretched."""
        (valence, arousal), gain = EXPRESSION_CENTRE, EXPRESSION_GAIN
        return valence + self.valence / gain, arousal + self.arousal / gain

    @property
    def tonal_valence(self) -> float:
        """Valence moved a little towards bright in major and dark in minor, -1..1."""
        shift = {"major": _MODE_SHARE, "minor": -_MODE_SHARE, None: 0.0}[self.mode]
        return clip(self.valence + shift)

    @property
    def energy(self) -> float:
        """How much happens: arousal, pace and power together, -1..1."""
        return clip(0.5 * self.arousal + 0.3 * self.pace + 0.2 * self.power)


def clip(value: float, low: float = -1.0, high: float = 1.0) -> float:
    """The nearest value in the range."""
    return max(low, min(high, value))


def brief_of(music: agents_pb2.MusicDescription) -> Brief:
    """The brief of a description.

    Silence is as calm as can be and neither pleasant nor unpleasant.
    """
    if music.silent:
        return Brief(valence=0.0, arousal=-1.0, pace=-1.0, power=-1.0, silent=True)
    valence = clip(EXPRESSION_GAIN * (music.emotion.valence - EXPRESSION_CENTRE[0]))
    arousal = clip(EXPRESSION_GAIN * (music.emotion.arousal - EXPRESSION_CENTRE[1]))
    return Brief(
        valence=valence,
        arousal=arousal,
        pace=_between(music.tempo_bpm, _SLOW_BPM, _FAST_BPM) if music.tempo_bpm > 0 else arousal,
        power=_between(music.loudness_lufs, _SOFT_LUFS, _LOUD_LUFS),
        mode=_mode(music.key),
    )


def _between(value: float, low: float, high: float) -> float:
    return clip(2.0 * (value - low) / (high - low) - 1.0)


def _mode(key: str) -> Literal["major", "minor"] | None:
    if key.endswith("major"):
        return "major"
    return "minor" if key.endswith("minor") else None
