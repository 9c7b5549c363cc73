"""Music that a caller brings, to go on from or to vary."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from luce.emotion import Emotion
from luce.errors import InvalidArgument
from luce.server.inference import InferenceClient
from luce.server.music.composing.given import Given, read_given
from luce.server.music.composing.score import METRES, Score
from luce.server.music.key import PITCH_CLASSES
from luce.server.music.limits import SECONDS
from luce.server.music.midi import read_midi
from services.mapping.judging import judge
from services.mapping.orders import MusicOrder

BARS: Final = 8
"""Of the given piece, its last ones, that the composer hears."""


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """A given piece, from which another begins.

    Attributes:
        given: The piece.
        emotion: How it feels.
        variation: Share of its bars that are to be written anew; None where the music goes on from its end.
    """

    given: Given
    emotion: Emotion
    variation: float | None = None

    @property
    def tail(self) -> Score | None:
        """The last bars, where the music goes on from them."""
        score = self.given.score
        return score.between(max(0, score.bars - BARS), score.bars) if self.variation is None else None

    @property
    def key(self) -> str:
        """Such as "F# minor"."""
        return f"{PITCH_CLASSES[self.given.key.tonic]} {'minor' if self.given.key.minor else 'major'}"

    @property
    def time_signature(self) -> str:
        """Such as "3/4"."""
        return METRES[self.given.score.metre].name

    def seconds(self, order: MusicOrder) -> float:
        """How long the music is to be: a variation is as long as what it varies, within what may be asked for."""
        low, high = SECONDS
        own = min(max(self.given.seconds, low), high)
        return own if self.variation is not None and order.open_length else order.seconds

    def asked(self, order: MusicOrder) -> MusicOrder:
        """The order with what the caller left to the given piece.

        Raises:
            InvalidArgument: Another time signature was asked for.
        """
        if order.time_signature not in (None, self.time_signature):
            message = (
                f"time_signature is {order.time_signature}, and the MIDI to begin from is in {self.time_signature}"
            )
            raise InvalidArgument(message, field="time_signature", limit=self.time_signature)
        return replace(order, key=order.key or self.key, time_signature=self.time_signature)


async def begin(
    inference: InferenceClient, data: bytes, *, timeout_s: float, variation: float | None = None, field: str = "midi"
) -> Beginning:
    """Read a MIDI file to go on from or to vary.

    Raises:
        MalformedMedia, UnsupportedMediaType, PayloadTooLarge: From the file.
        Unavailable, DeadlineExceeded, ResourceExhausted: From the inference client.
    """
    given = await asyncio.to_thread(read_given, data, field)
    piece = await asyncio.to_thread(read_midi, data, field)
    felt = await judge(inference, piece.notes, piece.seconds, timeout_s=timeout_s)
    return Beginning(given, felt.whole, variation)
