"""MIDI that a caller brings, to go on from or to vary."""

from __future__ import annotations

from dataclasses import dataclass

from luce.errors import MalformedMedia
from luce.server.music.composing.controls import Controls, measure
from luce.server.music.composing.reading import Key, gather, key_of, stretches
from luce.server.music.composing.score import Score
from luce.server.music.midi import parse_midi, read_midi


@dataclass(frozen=True)
class Given:
    """A caller's piece.

    Attributes:
        score: its longest stretch of one metre, in C major or A minor.
        key: the key it has.
        bpm: quarter notes a minute.
        controls: as measured.
    """

    score: Score
    key: Key
    bpm: float
    controls: Controls


def read_given(data: bytes, field: str = "midi") -> Given:
    """Read a MIDI file as a score.

    Raises:
        MalformedMedia: as :func:`luce.server.music.midi.read_midi`; or no bar is in a metre that is known.
        UnsupportedMediaType, PayloadTooLarge: as there.
    """
    read_midi(data, field)
    found = stretches(gather(parse_midi(data, field)))
    if not found:
        message = f"{field} has no bar in a metre that is known: 4/4, 3/4, 6/8 and their kin"
        raise MalformedMedia(message, field=field, limit="4/4, 3/4, 6/8")
    longest = max(found, key=lambda stretch: stretch.score.bars)
    key = key_of(longest.score)
    score = longest.score.transposed(key.shift)
    return Given(score, key, longest.bpm, measure(score, key, longest.bpm))
