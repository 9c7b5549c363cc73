"""Music that a caller brings, to go on from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from luce.emotion import Emotion
from luce.errors import InvalidArgument
from luce.server.inference import InferenceClient
from luce.server.music.composing.given import read_given
from luce.server.music.composing.score import METRES, Score
from luce.server.music.key import PITCH_CLASSES
from luce.server.music.limits import TEMPO_BPM
from luce.server.music.midi import read_midi
from services.mapping.judging import judge
from services.mapping.orders import MusicOrder

BARS: Final = 8
"""Of the given piece, its last ones, that the composer hears."""


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """The end of a given piece, which is the beginning of what is to come.

    Attributes:
        score: Its last bars, in C major or A minor.
        key: Such as "F# minor".
        time_signature: Such as "3/4".
        bpm: Quarter notes a minute, within what may be asked for.
        emotion: How the given piece feels.
    """

    score: Score
    key: str
    time_signature: str
    bpm: float
    emotion: Emotion

    def asked(self, order: MusicOrder) -> MusicOrder:
        """The order with what the caller left to the given piece.

        Raises:
            InvalidArgument: Another time signature was asked for.
        """
        if order.time_signature not in (None, self.time_signature):
            message = (
                f"time_signature is {order.time_signature}, and the MIDI to go on from is in {self.time_signature}"
            )
            raise InvalidArgument(message, field="time_signature", limit=self.time_signature)
        return replace(order, key=order.key or self.key, time_signature=self.time_signature)


async def begin(inference: InferenceClient, data: bytes, *, timeout_s: float, field: str = "midi") -> Beginning:
    """Read a MIDI file to go on from.

    Raises:
        MalformedMedia, UnsupportedMediaType, PayloadTooLarge: From the file.
        Unavailable, DeadlineExceeded, ResourceExhausted: From the inference client.
    """
    given = await asyncio.to_thread(read_given, data, field)
    piece = await asyncio.to_thread(read_midi, data, field)
    felt = await judge(inference, piece.notes, piece.seconds, timeout_s=timeout_s)
    mode = "minor" if given.key.minor else "major"
    low, high = TEMPO_BPM
    return Beginning(
        score=given.score.between(max(0, given.score.bars - BARS), given.score.bars),
        key=f"{PITCH_CLASSES[given.key.tonic]} {mode}",
        time_signature=METRES[given.score.metre].name,
        bpm=min(max(given.bpm, low), high),
        emotion=felt.whole,
    )
