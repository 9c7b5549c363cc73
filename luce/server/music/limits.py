"""What may be asked of written music: ranges and names, checked at every door in the same words.

Pure Python, because the gateway checks here and holds no numerical libraries.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from luce.errors import InvalidArgument
from luce.v1 import emotion_pb2, mapping_pb2

SECONDS: Final = (5.0, 180.0)
PIECES: Final = (1, 4)
CANDIDATES: Final = (1, 12)
TEMPO_BPM: Final = (40.0, 220.0)
VARIATION: Final = (0.05, 1.0)
TEXT_CHARACTERS: Final = (1, 16_000)
MOST_INSTRUMENTS: Final = 8
NAME_CHARACTERS: Final = 40
AUDIO_FORMATS: Final = ("wav", "flac", "ogg", "mp3")
METRES: Final = ("4/4", "3/4", "6/8")

DEFAULT_SECONDS: Final = 30.0
DEFAULT_CANDIDATES: Final = 8

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KEY: Final = re.compile(r"([A-Ga-g])\s*(#|♯|b|♭|sharp|flat)?\s*(major|minor|maj|min|m)?", re.IGNORECASE)
_CLASSES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_RAISED: Final = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_KEY_WORDS: Final = "a key such as C major, F# minor or Bbm"


@dataclass(frozen=True, slots=True)
class AskedKey:
    """A key that was asked for.

    Attributes:
        tonic: Pitch class, 0 = C to 11 = B.
        minor: Whether it is minor.
    """

    tonic: int
    minor: bool


def check_options(options: mapping_pb2.MusicOptions) -> None:
    """Whether music may be asked for like this. Names of instruments are known to whoever plays them.

    Raises:
        InvalidArgument: A field is out of its range; names it and the range.
    """
    for field, allowed in (("seconds", SECONDS), ("n", PIECES), ("candidates", CANDIDATES), ("tempo_bpm", TEMPO_BPM)):
        if options.HasField(field):  # type: ignore[arg-type]  # the stub lists the names as literals
            check_number(field, getattr(options, field), allowed)
    if len(options.instruments) > MOST_INSTRUMENTS:
        limit = f"0..{MOST_INSTRUMENTS}"
        message = f"instruments has {len(options.instruments)} names; allowed is {limit}"
        raise InvalidArgument(message, field="instruments", limit=limit)
    for name in options.instruments:
        _check_name("instruments", name)
    if options.key:
        parse_key(options.key)
    _check_one_of("time_signature", options.time_signature, METRES)
    _check_one_of("audio_format", options.audio_format, AUDIO_FORMATS)
    if options.HasField("emotion"):
        check_emotion(options.emotion)


def check_variation(request: mapping_pb2.ComposeRequest) -> None:
    """Raises `InvalidArgument` where a variation is asked for of nothing, or of no share of it."""
    if not request.HasField("variation"):
        return
    if not request.HasField("midi"):
        raise InvalidArgument("variation needs the MIDI that is to be varied", field="variation", limit="with midi")
    check_number("variation", request.variation, VARIATION)


def check_number(field: str, value: float, allowed: tuple[float, float]) -> None:
    """Raises `InvalidArgument` where the value (NaN too) is outside of the closed range."""
    low, high = allowed
    if not low <= value <= high:
        limit = f"{low:g}..{high:g}"
        raise InvalidArgument(f"{field} is {value:g}; allowed is {limit}", field=field, limit=limit)


def check_emotion(emotion: emotion_pb2.Emotion) -> None:
    """Raises `InvalidArgument` where a coordinate is not in -1..1."""
    for name in ("valence", "arousal", "dominance"):
        value = getattr(emotion, name)
        if not math.isfinite(value) or not -1 <= value <= 1:
            raise InvalidArgument(f"{name} is {value:g}; allowed is -1..1", field=f"emotion.{name}", limit="-1..1")


def check_story(text: str, field: str = "text") -> None:
    """Whether there is something to read in a text.

    Raises:
        InvalidArgument: It is empty, too long, holds control characters, or no letter of any script.
    """
    low, high = TEXT_CHARACTERS
    limit = f"{low}..{high} characters"
    if not text.strip():
        raise InvalidArgument(f"{field} is empty; allowed is {limit}", field=field, limit=limit)
    if len(text) > high:
        raise InvalidArgument(f"{field} has {len(text)} characters; allowed is {limit}", field=field, limit=limit)
    if _CONTROL.search(text):
        raise InvalidArgument(f"{field} holds control characters", field=field, limit="no control characters")
    if not any(character.isalpha() for character in text):
        raise InvalidArgument(f"{field} holds no words, only signs", field=field, limit="at least one word")


def parse_key(text: str, field: str = "key") -> AskedKey:
    """A key as people write it: "C major", "F# minor", "Bbm", "e flat major"; without a mode it is major.

    Raises:
        InvalidArgument: It is no key.
    """
    match = _KEY.fullmatch(text.strip())
    if match is None:
        raise InvalidArgument(f"{field} is {text[:NAME_CHARACTERS]!r}, no key", field=field, limit=_KEY_WORDS)
    letter, sign, mode = match[1].lower(), (match[2] or "").lower(), match[3] or ""
    # CM is C major, Cm is C minor.
    return AskedKey((_CLASSES[letter] + _RAISED.get(sign, 0)) % 12, mode == "m" or mode.lower().startswith("min"))


def _check_name(field: str, name: str) -> None:
    if not 1 <= len(name.strip()) <= NAME_CHARACTERS or _CONTROL.search(name):
        limit = f"names of 1..{NAME_CHARACTERS} characters"
        raise InvalidArgument(f"{field} holds {name[:NAME_CHARACTERS]!r}, no name", field=field, limit=limit)


def _check_one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value and value not in allowed:
        limit = ", ".join(allowed)
        raise InvalidArgument(f"{field} is {value[:NAME_CHARACTERS]!r}; allowed is {limit}", field=field, limit=limit)
