"""What a request for music asks for, checked and with its defaults."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from luce.emotion import Emotion
from luce.server.music import limits
from luce.server.music.composing.orchestra import orchestra_of
from luce.v1 import mapping_pb2

_SEEDS: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class MusicOrder:
    """A checked request. None: to be chosen.

    Attributes:
        seconds: Length; of a video it is its own.
        count: Pieces.
        candidates: Of each piece.
        instruments: Names; empty: to be chosen.
        key: Such as "F# minor".
        time_signature: Such as "3/4".
        tempo_bpm: Quarter notes a minute.
        audio_format: One of `luce.server.sound.FORMATS`.
        emotion: How it should feel, instead of what is read or seen.
        stream: Whether sound is told while it is composed.
        open_length: Whether the caller left the length open.
    """

    seconds: float
    count: int
    candidates: int
    instruments: tuple[str, ...]
    key: str | None
    time_signature: str | None
    tempo_bpm: float | None
    audio_format: str
    emotion: Emotion | None
    stream: bool
    open_length: bool = False


def music_order(options: mapping_pb2.MusicOptions) -> MusicOrder:
    """Check a request.

    Raises:
        InvalidArgument: A field is out of its range, or names an instrument that nobody plays.
    """
    limits.check_options(options)
    if options.instruments:
        orchestra_of(options.instruments)
    asked = options.emotion
    return MusicOrder(
        seconds=options.seconds if options.HasField("seconds") else limits.DEFAULT_SECONDS,
        count=options.n if options.HasField("n") else 1,
        candidates=options.candidates if options.HasField("candidates") else limits.DEFAULT_CANDIDATES,
        instruments=tuple(options.instruments),
        key=options.key or None,
        time_signature=options.time_signature or None,
        tempo_bpm=options.tempo_bpm if options.HasField("tempo_bpm") else None,
        audio_format=options.audio_format or limits.AUDIO_FORMATS[0],
        emotion=Emotion(asked.valence, asked.arousal, asked.dominance) if options.HasField("emotion") else None,
        stream=options.stream,
        open_length=not options.HasField("seconds"),
    )


def seed_of(seed: int, piece: int) -> int:
    """The seed of a piece: counted on from the job's, round the 64-bit clock."""
    return (seed + piece) % _SEEDS


def candidate_seed(seed: int, candidate: int) -> int:
    """The seed of a candidate of a piece; the first one's is the piece's own."""
    if not candidate:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {candidate}".encode()).digest()[:8], "little")
