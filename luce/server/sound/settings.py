"""Settings of the sound that written music gets."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_CARRIER: Final = "pretty_midi"
_CARRIED: Final = "TimGM6mb.sf2"
_MAGIC: Final = b"RIFF"
_KIND: Final = b"sfbk"


class SoundSettings(BaseSettings):
    """How written music sounds. Environment: `LUCE_SOUND_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="LUCE_SOUND_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    soundfont: Path | None = None
    """A General MIDI sound font (sf2, sf3); left out: TimGM6mb (GPL-2), where the package pretty_midi has it. Better
    ones, free for every use: FluidR3_GM and MuseScore_General (both MIT)."""

    reverb_s: float = Field(default=1.8, ge=0, le=8)
    """Time in which the room's sound falls by 60 dB, seconds; 0: no room."""

    reverb_share: float = Field(default=0.18, ge=0, le=1)
    """Amplitude of the room's sound beside the direct one."""

    loudness_lufs: float = Field(default=-14.0, ge=-40, le=-8)
    """Integrated loudness of every finished piece, LUFS (ITU-R BS.1770)."""

    ceiling_dbtp: float = Field(default=-1.0, ge=-12, le=0)
    """Highest true peak, dB of full scale."""

    max_voices: int = Field(default=256, ge=16, le=4096)
    """Tones that the synthesiser plays at once; past it the oldest end."""

    @field_validator("soundfont")
    @classmethod
    def _font_is_one(cls, value: Path | None) -> Path | None:
        if value is not None:
            check_font(value)
        return value

    def font(self) -> Path:
        """The sound font to play.

        Raises:
            FileNotFoundError: None is named, and pretty_midi, which carries one, is not installed.
        """
        if self.soundfont is not None:
            return self.soundfont
        # Found, and not imported: of the package only this file is of use here.
        spec = importlib.util.find_spec(_CARRIER)
        for folder in spec.submodule_search_locations or () if spec is not None else ():
            if (path := Path(folder) / _CARRIED).is_file():
                return path
        raise FileNotFoundError(f"no sound font: set LUCE_SOUND_SOUNDFONT, or install {_CARRIER}")


def check_font(path: Path) -> None:
    """Raises ValueError where there is no sound font at this path."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise ValueError(f"no sound font can be read at {path}: {error.strerror}") from error
    if head[:4] != _MAGIC or head[8:] != _KIND:
        raise ValueError(f"{path} is no sound font (sf2 or sf3)")
