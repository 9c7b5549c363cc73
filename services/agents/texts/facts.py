"""What the texts may say: everything that was measured or heard, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from luce.server.music.emotion_input import MUSIC_EMOTION_NAMES, NOTE_EMOTION_NAMES
from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from luce.v1 import agents_pb2
from services.agents.encoding import HeardWindows

_TEMPO_WORDS: Final = ((66.0, "very slow"), (92.0, "slow"), (120.0, "moderate"), (156.0, "fast"))
_LOUDNESS_WORDS: Final = ((-32.0, "very soft"), (-23.0, "soft"), (-14.0, "medium loud"))
_REGISTER_WORDS: Final = ((-1.0, "low"), (-0.25, "lower middle"), (0.6, "middle"), (1.2, "upper middle"))
#: An instrument that is there from a window on, of so many before, is told to enter.
_LATE_S: Final = 15.0


@dataclass(frozen=True)
class Texture:
    """How the notes lie.

    Attributes:
        notes_a_second: Of the whole piece.
        voices: Notes at once, on average where any sounds.
        register: "low" ... "high".
        legato: Length of a note over the time to the next one, as a power of 2: below -1 detached, above 0 bound.
    """

    notes_a_second: float
    voices: float
    register: str
    legato: float


@dataclass(frozen=True)
class Facts:
    """A description with what only its making knows.

    Attributes:
        music: The description, with its tags.
        texture: How the notes lie; None where none were found.
        entries: Name and time, in seconds, of instruments that come in late.
        instruments: Names of what plays, surest or longest first.
        styles: Names of styles, the likeliest first.
    """

    music: agents_pb2.MusicDescription
    texture: Texture | None
    entries: tuple[tuple[str, float], ...]
    instruments: tuple[str, ...]
    styles: tuple[str, ...]

    @property
    def pace(self) -> str:
        """The tempo in a word; "" where there is none."""
        bpm = self.music.tempo_bpm
        return word_of(bpm, _TEMPO_WORDS, "very fast") if bpm > 0 else ""

    @property
    def level(self) -> str:
        """The loudness in a word or two."""
        return word_of(self.music.loudness_lufs, _LOUDNESS_WORDS, "loud")


def facts_of(
    music: agents_pb2.MusicDescription,
    row: FloatArray | None,
    windows: HeardWindows | None,
    instruments: Sequence[str],
    styles: Sequence[str],
) -> Facts:
    """Gather the facts.

    Args:
        music: The description so far.
        row: The whole piece's row of `music_emotion` (70) or of `note_emotion` (37); None for silence.
        windows: What the encoder heard; None for MIDI and for brief descriptions.
        instruments: Names of what plays.
        styles: Names of styles.
    """
    return Facts(
        music=music,
        texture=None if row is None else texture_of(row),
        entries=() if windows is None else entries_of(windows, instruments),
        instruments=tuple(instruments),
        styles=tuple(styles),
    )


def texture_of(row: FloatArray) -> Texture | None:
    """The texture by the notes' descriptors of the whole piece; None without notes."""
    names = MUSIC_EMOTION_NAMES if row.size == len(MUSIC_EMOTION_NAMES) else NOTE_EMOTION_NAMES

    def value(name: str) -> float:
        prefixed = f"notes_{name}"
        return float(row[names.index(prefixed if prefixed in names else name)])

    if value("polyphony") <= 0:
        return None
    return Texture(
        notes_a_second=max(0.0, 2 ** value("note_rate") - 0.5),
        voices=value("polyphony"),
        register=word_of(value("register"), _REGISTER_WORDS, "high"),
        legato=value("articulation"),
    )


def entries_of(windows: HeardWindows, instruments: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Instruments of the piece that are first heard late, with the start of the window, in order of time."""
    found = []
    known = tags()
    for name in instruments:
        if name not in known.names:
            continue
        column = known.index(name)
        heard = np.flatnonzero(windows.tags[:, column] >= known.entries[column].threshold)
        if heard.size and windows.starts[heard[0]] >= _LATE_S:
            found.append((name, float(windows.starts[heard[0]])))
    return tuple(sorted(found, key=lambda entry: entry[1]))


def word_of(value: float, table: Sequence[tuple[float, str]], last: str) -> str:
    """The word of the first limit above a value, else the last."""
    return next((word for limit, word in table if value < limit), last)


def clock(seconds: float) -> str:
    """A place in a piece, such as "1:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
