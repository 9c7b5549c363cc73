"""Tags of windows into tags of the whole piece, and whether it is music at all."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from luce.server.music.key import CLEAR_KEY_CONFIDENCE
from luce.server.music.metre import CLEAR_METRE_CONFIDENCE
from luce.server.music.spectra import FloatArray
from luce.server.music.tags import DIMENSIONS, Tag, tags
from luce.server.music.tempo import CLEAR_TEMPO_CONFIDENCE
from luce.v1 import agents_pb2
from services.agents.encoding import HeardWindows

#: What plays in two thirds of a piece is of the piece; a style, a mood or a sound is what holds all along.
_PASSING: Final = ("instruments", "voice")
_SHARE: Final = 2 / 3
#: From this probability on the sound is told as music.
_MUSIC: Final = 0.5


def music_probabilities(windows: FloatArray) -> FloatArray:
    """How likely each window (W, k) is music, (W,)."""
    return windows[:, tags().index("music")]


def pooled(windows: HeardWindows) -> FloatArray:
    """Probabilities over the whole piece, (k,) float32.

    Of instruments and voice the mean over two thirds of the windows, where they are likeliest, else over all;
    windows that are no music count for the kind of sound alone, unless all of them are.
    """
    heard = windows.tags
    musical = music_probabilities(heard) >= _MUSIC
    music = heard[musical] if musical.any() else heard
    most = max(1, math.ceil(_SHARE * len(music)))
    loudest = np.sort(music, axis=0)[-most:].mean(axis=0)
    result = music.mean(axis=0)
    for dimension in _PASSING:
        result[tags().columns(dimension)] = loudest[tags().columns(dimension)]
    sound = tags().columns("sound")
    result[sound] = heard[:, sound].mean(axis=0)
    return np.asarray(result, np.float32)


def is_music(probabilities: FloatArray) -> bool:
    """Whether a window or a piece, (k,), is told as music: likely enough, and likelier than any other kind of sound."""
    sounds = tags().columns("sound")
    music = tags().index("music")
    return bool(probabilities[music] >= _MUSIC and probabilities[music] >= probabilities[sounds].max())


def sounds_like(probabilities: FloatArray) -> Tag:
    """The likeliest kind of sound of a window or a piece, (k,)."""
    sounds = tags().columns("sound")
    return tags().entries[sounds[int(probabilities[sounds].argmax())]]


def tell_tags(music: agents_pb2.MusicDescription, probabilities: FloatArray) -> None:
    """Put what was heard, at or above its threshold, into a description; of what is no music only the kind of sound.

    Some kind of sound it always is: where none reaches its threshold the likeliest is told, with its low probability.
    """
    dimensions = DIMENSIONS if is_music(probabilities) else ("sound",)
    for dimension in dimensions:
        heard = list(tags().heard(probabilities, dimension))
        if dimension == "sound" and not heard:
            likeliest = sounds_like(probabilities)
            heard = [(likeliest, float(probabilities[tags().index(likeliest.name)]))]
        for tag, probability in heard:
            music.tags.add(dimension=dimension, name=tag.name, confidence=probability)


def doubt(music: agents_pb2.MusicDescription, probabilities: FloatArray) -> None:
    """Believe what was measured no more than that it is music at all.

    Where music is less likely than not, the confidences in key, metre and tempo are multiplied by twice its
    probability; what is then no longer clear is not named.
    """
    factor = min(1.0, float(probabilities[tags().index("music")]) / _MUSIC)
    music.key_confidence *= factor
    music.time_signature_confidence *= factor
    music.tempo_confidence *= factor
    if music.key_confidence < CLEAR_KEY_CONFIDENCE:
        music.key = ""
        del music.key_alternatives[:]
    if music.tempo_confidence < CLEAR_TEMPO_CONFIDENCE:
        music.tempo_bpm = 0.0
        del music.tempo_alternatives[:]
        del music.beat_times[:]
    if music.time_signature_confidence < CLEAR_METRE_CONFIDENCE or not music.tempo_bpm:
        music.time_signature = ""


def told(music: agents_pb2.MusicDescription, dimension: str) -> list[agents_pb2.MusicTag]:
    """The tags of a dimension, the likeliest first."""
    return [tag for tag in music.tags if tag.dimension == dimension]
