"""MIDI that a caller brings, to go on from or to vary."""

from __future__ import annotations

from dataclasses import dataclass

from luce.errors import MalformedMedia
from luce.server.music.composing.controls import Controls, measure
from luce.server.music.composing.reading import Key, gather, key_of, stretches
from luce.server.music.composing.score import METRES, Score
from luce.server.music.limits import TEMPO_BPM
from luce.server.music.midi import parse_midi, read_midi


@dataclass(frozen=True)
class Given:
    """A caller's piece.

    Attributes:
        score: its longest stretch of one metre, from the first bar that sounds to the last, in C major or A minor.
        key: the key it has.
        bpm: quarter notes a minute, within ``limits.TEMPO_BPM``.
        controls: as measured.
    """

    score: Score
    key: Key
    bpm: float
    controls: Controls

    @property
    def seconds(self) -> float:
        """Length of the score."""
        return self.score.bars * METRES[self.score.metre].quarters * 60 / self.bpm


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
    size = METRES[longest.score.metre].positions
    first, last = int(longest.score.onset.min()) // size, int(longest.score.onset.max()) // size + 1
    score = longest.score.between(first, last).transposed(key.shift)
    bpm = min(max(longest.bpm, TEMPO_BPM[0]), TEMPO_BPM[1])
    return Given(score, key, bpm, measure(score, key, bpm))
