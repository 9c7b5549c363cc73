"""How words and images feel."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from luce.errors import InvalidArgument
from luce.server.deadline import Deadline
from luce.server.inference import TextFeeler
from luce.server.media import MediaDecoder
from luce.server.vision.reader import PictureReader
from luce.v1 import emotion_pb2, mapping_pb2
from services.mapping.reading import is_english, passages

_FOREIGN = "The words do not look English, which is all that the model reads: the answer is uncertain."
_CUT = "Some passages are longer than the model reads; their ends had no part in the answer."


class Feeler:
    """Feels what needs no ears.

    Args:
        texts: Feels texts.
        pictures: Looks at images.
        decoder: Media decoder, started.
    """

    def __init__(self, texts: TextFeeler, pictures: PictureReader, decoder: MediaDecoder) -> None:
        self._texts = texts
        self._pictures = pictures
        self._decoder = decoder

    async def text(self, text: str, deadline: Deadline) -> mapping_pb2.FeelResponse:
        """The emotion of words: of a long text the mean over its passages, by their length.

        Raises:
            InvalidArgument: There are no words in it.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the inference client.
        """
        check_words("text", text)
        parts = passages(text)
        felt = await self._texts.feel(parts, deadline=deadline.remaining())
        weights = [len(part) for part in parts]
        points = [[one.emotion.valence, one.emotion.arousal, one.emotion.dominance] for one in felt]
        emotion = np.average(points, axis=0, weights=weights)
        spread = np.average([one.uncertainty for one in felt], axis=0, weights=weights)
        notes = [_FOREIGN] if not is_english(text) else []
        if any(one.truncated for one in felt):
            notes.append(_CUT)
        return _response("text", emotion, spread, felt[0].models, notes)

    async def image(self, data: bytes, deadline: Deadline) -> mapping_pb2.FeelResponse:
        """The emotion of an image.

        Raises:
            RequestError: The image is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the decoder and the inference client.
        """
        pixels = await self._decoder.image(data, field="media")
        deadline.check("feeling the image")
        (seen,) = await self._pictures.read([pixels])
        emotion = np.array([seen.emotion.valence, seen.emotion.arousal, seen.emotion.dominance])
        return _response("image", emotion, seen.uncertainty, seen.models, [])


def check_words(field: str, text: str) -> None:
    """Raises `InvalidArgument` where a text holds nothing that could be read as a word."""
    if any(character.isalpha() for character in text):
        return
    kinds = {unicodedata.category(character)[0] for character in text}
    what = "only white space and control characters" if kinds <= {"C", "Z"} else "only signs, digits or emoji"
    raise InvalidArgument(f"{field} holds no words, {what}", field=field, limit="at least one word")


def _response(
    medium: str,
    emotion: NDArray[np.float64],
    spread: NDArray[np.floating],
    models: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> mapping_pb2.FeelResponse:
    return mapping_pb2.FeelResponse(
        emotion=emotion_pb2.Emotion(valence=emotion[0], arousal=emotion[1], dominance=emotion[2]),
        medium=medium,
        valence_uncertainty=spread[0],
        arousal_uncertainty=spread[1],
        dominance_uncertainty=spread[2],
        notes=notes,
        models=[f"{name}:{version}" for name, version in models],
    )
