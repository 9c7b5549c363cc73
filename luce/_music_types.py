"""What the SDK answers of written music: plain frozen values, none of them a protobuf message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from luce.emotion import Emotion
from luce.errors import InvalidArgument

if TYPE_CHECKING:
    from luce._types import Blob, EmotionPoint, Job

PARTS: Final = ("audio", "midi", "piano_roll", "video")
"""Files of a piece."""

_PART_OF: Final = {".mid": "midi", ".midi": "midi", ".png": "piano_roll", ".mp4": "video"}


def part_of(path: str | PathLike[str]) -> str:
    """Which of a piece's files goes under a name: told by its suffix, "audio" where that is none of the others."""
    return _PART_OF.get(Path(path).suffix.lower(), "audio")


@dataclass(frozen=True, slots=True)
class Element:
    """One element that was seen, read or chosen.

    Attributes:
        name: Such as "color" or "rhythm".
        values: In words.
        reason: Why; "" where it was observed and not concluded.
    """

    name: str
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One step from what was seen or read to the music.

    Attributes:
        stage: "seen" or "read", then "music", "composed" and "obtained".
        text: The step in sentences.
        elements: What it found or chose.
    """

    stage: str
    text: str
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of a video between two cuts.

    Attributes:
        start_s: Where it begins, seconds.
        duration_s: How long it lasts, seconds.
        emotion: How it feels.
    """

    start_s: float
    duration_s: float
    emotion: Emotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A written piece, its files by reference.

    Attributes:
        files: Each of `PARTS` that there is: "audio", "midi", "piano_roll" (PNG), "video" (MP4 with the music).
        duration_s: Seconds.
        seed: What it was written with.
        asked: How it was to feel.
        obtained: How its notes feel, as a model hears them.
        curve: The same as it goes on.
        key: Such as "A minor".
        time_signature: Such as "3/4".
        tempo_bpm: Quarter notes a minute.
        instruments: Names.
        candidate: Which candidate it was, from 0.
        candidates: Of how many.
        loudness_lufs: Integrated loudness of the audio, LUFS.
        notes: How many it has, drums included.
    """

    files: Mapping[str, Blob]
    duration_s: float
    seed: int
    asked: Emotion
    obtained: Emotion
    curve: tuple[EmotionPoint, ...] = field(repr=False)
    key: str | None
    time_signature: str | None
    tempo_bpm: float
    instruments: tuple[str, ...]
    candidate: int
    candidates: int
    loudness_lufs: float
    notes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPiece(Piece):
    """A written piece with the bytes of its files.

    Attributes:
        data: Bytes of each file, checked against its blob's size and sha256.
    """

    data: Mapping[str, bytes] = field(repr=False)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file that the name's suffix tells (mid, png, mp4, else the audio), and return the path.

        Raises:
            InvalidArgument: There is no such file.
        """
        part = part_of(path)
        if part not in self.data:
            raise InvalidArgument(f"the piece has no {part}", field="path", limit=", ".join(self.data))
        target = Path(path)
        target.write_bytes(self.data[part])
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMusic:
    """What a compose or a score job wrote, by reference.

    Attributes:
        pieces: One at least.
        emotion: What was read in the words, or seen in the picture.
        chain: From what was seen or read to the music.
        shots: Of a video; empty otherwise.
    """

    pieces: tuple[Piece, ...]
    emotion: Emotion
    chain: tuple[ChainStep, ...] = field(repr=False)
    shots: tuple[Shot, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What a compose or a score job wrote, with its files.

    Attributes:
        pieces: One at least.
        emotion: What was read in the words, or seen in the picture.
        chain: From what was seen or read to the music.
        shots: Of a video; empty otherwise.
        job: The finished job.
    """

    pieces: tuple[WrittenPiece, ...]
    emotion: Emotion
    chain: tuple[ChainStep, ...] = field(repr=False)
    shots: tuple[Shot, ...] = field(repr=False)
    job: Job

    @property
    def seed(self) -> int:
        """The seed of the first piece; piece i has seed + i."""
        return self.job.seed

    @property
    def timings(self) -> Mapping[str, float]:
        """Stage to seconds, in the order of the stages."""
        return self.job.timings
