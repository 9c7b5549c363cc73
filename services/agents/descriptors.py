"""The six dimensions of a description (as in FMMD): what is heard, how surely, and how it was found."""

from __future__ import annotations

from collections.abc import Sequence

from luce.v1 import agents_pb2
from services.agents.moods import mood_of
from services.agents.tagging import told


def descriptors_of(
    music: agents_pb2.MusicDescription, written: tuple[Sequence[str], Sequence[str]] = ((), ())
) -> list[agents_pb2.Descriptor]:
    """One descriptor of each dimension, in their order, from the other fields of a description.

    Silence has no descriptor that is known; what was heard as no music has neither instruments, style nor mood.

    Args:
        music: The description, with its tags.
        written: Instruments and style of written music, where the file tells them; they come before what was heard.
    """
    known = not music.silent
    return [
        _found(agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS, music, ("instruments", "voice"), written[0]),
        _found(agents_pb2.DESCRIPTOR_DIMENSION_STYLE, music, ("styles",), written[1]),
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


def _found(
    dimension: agents_pb2.DescriptorDimension.ValueType,
    music: agents_pb2.MusicDescription,
    kinds: Sequence[str],
    written: Sequence[str],
) -> agents_pb2.Descriptor:
    if written:
        return _descriptor(dimension, written, 1.0, agents_pb2.DESCRIPTOR_SOURCE_SIGNAL)
    heard = sorted((tag for kind in kinds for tag in told(music, kind)), key=lambda tag: -tag.confidence)
    return _descriptor(
        dimension,
        [tag.name for tag in heard],
        heard[0].confidence if heard else 0.0,
        agents_pb2.DESCRIPTOR_SOURCE_MODEL,
    )


def _mood(music: agents_pb2.MusicDescription) -> agents_pb2.Descriptor:
    words, confidence = mood_of(music)
    return _descriptor(agents_pb2.DESCRIPTOR_DIMENSION_MOOD, words, confidence, agents_pb2.DESCRIPTOR_SOURCE_MODEL)


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
