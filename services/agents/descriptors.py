"""The six dimensions of a description (as in FMMD): what is heard, how surely, and how it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from luce.server.music.analysis import MusicAnalysis
from luce.server.vocabulary import vocabulary
from luce.v1 import agents_pb2

# Moods told of one piece, and how much farther than the nearest one the others may lie in the plane.
_MOODS: Final = 3
_MOOD_REACH: Final = 0.25
# Typical distance between neighbouring moods of the vocabulary: nearer than that, a mood's word is right.
_MOOD_RADIUS: Final = 0.25
_NEUTRAL: Final = 0.12


def complete(music: agents_pb2.MusicDescription, analysis: MusicAnalysis) -> None:
    """Fill in what follows from an analysis beside the emotion: the beats, then the descriptors of all."""
    music.beat_times.extend(analysis.tempo.beat_times)
    music.descriptors.extend(descriptors_of(music))


def descriptors_of(music: agents_pb2.MusicDescription) -> list[agents_pb2.Descriptor]:
    """One descriptor of each dimension, in their order, from the other fields of a description.

    Instruments and style are unknown: no model tells them yet. Silence has no descriptor that is known.
    """
    known = not music.silent
    return [
        _descriptor(agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS),
        _descriptor(agents_pb2.DESCRIPTOR_DIMENSION_STYLE),
        _measured(
            agents_pb2.DESCRIPTOR_DIMENSION_KEY,
            [music.key, *music.key_alternatives] if known and music.key else [],
            music.key_confidence,
        ),
        _measured(
            agents_pb2.DESCRIPTOR_DIMENSION_TIME_SIGNATURE,
            [music.time_signature] if known and music.time_signature else [],
            music.time_signature_confidence,
        ),
        _measured(
            agents_pb2.DESCRIPTOR_DIMENSION_TEMPO,
            [f"{bpm:.0f} bpm" for bpm in (music.tempo_bpm, *music.tempo_alternatives)]
            if known and music.tempo_bpm > 0
            else [],
            music.tempo_confidence,
        ),
        _mood(music) if known else _descriptor(agents_pb2.DESCRIPTOR_DIMENSION_MOOD),
    ]


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


def moods_of(valence: float, arousal: float, count: int = _MOODS) -> list[str]:
    """The vocabulary's words for an emotion, nearest first, at most `count`; "neutral" where little is felt."""
    if max(abs(valence), abs(arousal)) < _NEUTRAL:
        return ["neutral"]
    nearest = vocabulary().nearest("mood", valence, arousal, count=count)
    reach = nearest[0].distance(valence, arousal) + _MOOD_REACH
    return [entry.phrases[0] for entry in nearest if entry.distance(valence, arousal) <= reach]


def _mood(music: agents_pb2.MusicDescription) -> agents_pb2.Descriptor:
    """The words of the emotion.

    The confidence is the probability that the true emotion lies no farther from the one that was told than moods lie
    from each other, for an isotropic normal error (Rayleigh): 1 - exp(-r² / 2s²). 0 where the error is not known.
    """
    variance = sum(spread**2 for spread in uncertainty_of(music)) / 2
    return _descriptor(
        agents_pb2.DESCRIPTOR_DIMENSION_MOOD,
        moods_of(music.emotion.valence, music.emotion.arousal),
        1.0 - math.exp(-(_MOOD_RADIUS**2) / (2 * variance)) if variance > 0 else 0.0,
        agents_pb2.DESCRIPTOR_SOURCE_MODEL,
    )


def _measured(
    dimension: agents_pb2.DescriptorDimension.ValueType, values: Sequence[str], confidence: float
) -> agents_pb2.Descriptor:
    return _descriptor(dimension, values, confidence, agents_pb2.DESCRIPTOR_SOURCE_SIGNAL)


def _descriptor(
    dimension: agents_pb2.DescriptorDimension.ValueType,
    values: Sequence[str] = (),
    confidence: float = 0.0,
    source: agents_pb2.DescriptorSource.ValueType = agents_pb2.DESCRIPTOR_SOURCE_UNSPECIFIED,
) -> agents_pb2.Descriptor:
    if not values:
        return agents_pb2.Descriptor(dimension=dimension)
    return agents_pb2.Descriptor(dimension=dimension, values=list(values), confidence=confidence, source=source)
