"""Sound of a piece while its bars are still being written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.server.music.composing.performance import DRUM_CHANNEL, Manner, Played, perform
from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import LENGTHS
from luce.server.sound import DRUMS, Performance, SoundStream

_LEAST_S: Final = 1.0
"""Shortest chunk after the first one, seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A stretch of sound.

    Attributes:
        index: Which, from 0.
        start_s: Where it begins in the piece, seconds.
        samples: (n, 2) float32 at `luce.server.sound.SAMPLE_RATE`.
        last: Whether the piece ends with it.
    """

    index: int
    start_s: float
    samples: NDArray[np.float32]
    last: bool


def performance_of(played: list[Played]) -> Performance:
    """Played notes as the synthesiser reads them."""
    return Performance.of(
        [
            (
                note.start_s,
                note.end_s,
                note.pitch,
                note.velocity,
                DRUMS if note.channel == DRUM_CHANNEL else note.program,
            )
            for note in played
        ]
    )


class LiveSound:
    """Plays what can no longer change. Not for several threads at once.

    A note lasts a sixteenth to sixteen of them, so once so much is written after a bar, the bar is as it will be.

    Args:
        stream: Of the piece.
        manner: How it is played.
        seconds: Length of the whole piece.
    """

    def __init__(self, stream: SoundStream, manner: Manner, seconds: float) -> None:
        self._stream = stream
        self._manner = manner
        self._seconds = seconds
        self._count = 0
        self._done = False

    def advance(self, score: Score, *, ends: bool) -> Chunk | None:
        """The next chunk where there is enough for one.

        Args:
            score: The piece up to its last complete bar.
            ends: Whether that is all of it.
        """
        if self._done:
            return None
        began = self._stream.seconds
        size = METRES[score.metre].positions
        behind = 0 if ends else math.ceil(LENGTHS[-1] / size)
        until = self._seconds if ends else max(0, score.bars - behind) * size * self._manner.step_s
        if not ends and until - began < (_LEAST_S if self._count else 1e-6):
            return None
        played = perform(score, self._manner, ends=ends)
        self._stream.add(performance_of([note for note in played if began <= note.start_s < until]))
        chunk = Chunk(self._count, began, self._stream.play(until), ends)
        self._count += 1
        self._done = ends
        return chunk
