"""Words for feelings: the vocabulary's by their place in the plane, and those that `audio_encoder` hears."""

from __future__ import annotations

import math
from typing import Final

from luce.server.vocabulary import vocabulary
from luce.v1 import agents_pb2
from services.agents.roles.brief import EXPRESSION_CENTRE, EXPRESSION_GAIN, clip

# Moods told of one piece, and how much farther than the nearest one the others may lie in the plane.
_MOODS: Final = 3
_MOOD_REACH: Final = 0.25
# Within this distance of a felt emotion a mood's word is right: the vocabulary's moods, which fill the whole plane,
# have about three neighbours within 0.6 of it, and music is drawn three times closer together.
_MOOD_RADIUS: Final = 0.2
_NEUTRAL: Final = 0.12
_CHANGE: Final = 0.2

#: Where the moods of `audio_encoder` (GEMS, Zentner et al. 2008) lie in the plane of valence and arousal; by hand, from
#: the common circumplex.
MOOD_PLACES: Final = {
    "joyful": (0.7, 0.6),
    "powerful": (0.2, 0.7),
    "tense": (-0.5, 0.6),
    "sad": (-0.6, -0.4),
    "calm": (0.4, -0.6),
    "tender": (0.4, -0.4),
    "nostalgic": (-0.05, -0.4),
    "solemn": (-0.1, -0.3),
    "wondrous": (0.5, 0.1),
}
#: A mood that is heard agrees with the emotion where it lies no farther from it.
_AGREES: Final = 0.7


def moods_of(valence: float, arousal: float, count: int = _MOODS) -> list[str]:
    """The vocabulary's words for how music feels, nearest first, at most `count`; "neutral" in the middle of all music.

    Music lies close together in the plane (see `roles.brief`); words for it are chosen as if it filled it, as the
    agents that paint do: else all of it would be called nostalgic or mysterious.
    """
    valence, arousal = stretched(valence, arousal)
    if max(abs(valence), abs(arousal)) < _NEUTRAL:
        return ["neutral"]
    nearest = vocabulary().nearest("mood", valence, arousal, count=count)
    reach = nearest[0].distance(valence, arousal) + _MOOD_REACH
    return [entry.phrases[0] for entry in nearest if entry.distance(valence, arousal) <= reach]


def stretched(valence: float, arousal: float) -> tuple[float, float]:
    """The emotion of music as the agents see it, over the whole plane, each in [-1, 1]."""
    (middle_valence, middle_arousal), gain = EXPRESSION_CENTRE, EXPRESSION_GAIN
    return clip(gain * (valence - middle_valence)), clip(gain * (arousal - middle_arousal))


def mood_of(music: agents_pb2.MusicDescription) -> tuple[list[str], float]:
    """The moods of a piece, the emotion's first, and the confidence in the first, 0..1.

    The confidence is the probability that the true emotion lies so near to the one that was told that the word still
    holds, for an isotropic normal error (Rayleigh): 1 - exp(-r² / 2s²); 0 where the error is not known. A
    mood that `audio_encoder` hears as well, of probability p, raises it to 1 - (1 - c)(1 - p / 2); one that it hears
    far from there lowers it to c (1 - p / 2).
    """
    emotion = music.emotion
    words = moods_of(emotion.valence, emotion.arousal)
    variance = sum(spread**2 for spread in uncertainty_of(music)) / 2
    confidence = 1.0 - math.exp(-(_MOOD_RADIUS**2) / (2 * variance)) if variance > 0 else 0.0
    heard = [tag for tag in music.tags if tag.dimension == "moods" and tag.name in MOOD_PLACES]
    place = stretched(emotion.valence, emotion.arousal)
    agreeing = [tag for tag in heard if math.dist(MOOD_PLACES[tag.name], place) <= _AGREES]
    if agreeing:
        confidence = 1 - (1 - confidence) * (1 - agreeing[0].confidence / 2)
        words += [tag.name for tag in agreeing if tag.name not in words][:2]
    elif heard:
        confidence *= 1 - heard[0].confidence / 2
    return words, confidence


def uncertainty_of(music: agents_pb2.MusicDescription) -> tuple[float, float]:
    """Standard deviation of the whole piece's valence and arousal: the mean over its curve, (0, 0) without one.

    The windows of one piece err alike, so that their mean is no surer than each of them.
    """
    points = music.curve.points
    if not points:
        return 0.0, 0.0
    return (
        sum(point.valence_uncertainty for point in points) / len(points),
        sum(point.arousal_uncertainty for point in points) / len(points),
    )


def change_of(music: agents_pb2.MusicDescription) -> str:
    """How the last third of the curve feels beside the first, such as "livelier and darker"; "" where alike."""
    points = music.curve.points
    third = len(points) // 3
    if third < 2:
        return ""
    arousal = sum(p.emotion.arousal for p in points[-third:]) - sum(p.emotion.arousal for p in points[:third])
    valence = sum(p.emotion.valence for p in points[-third:]) - sum(p.emotion.valence for p in points[:third])
    words = []
    if abs(arousal) / third > _CHANGE:
        words.append("livelier" if arousal > 0 else "calmer")
    if abs(valence) / third > _CHANGE:
        words.append("brighter" if valence > 0 else "darker")
    return " and ".join(words)
