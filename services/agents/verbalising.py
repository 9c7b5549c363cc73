"""The words of a description: caption, parts, tags, descriptors and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from luce.server.jobs.patience import Patience, at_once
from luce.v1 import agents_pb2
from services.agents import tagging
from services.agents.captioning import Captions
from services.agents.encoding import HeardWindows
from services.agents.filtering import HybridFilter
from services.agents.grounding import Ground
from services.agents.moods import stretched
from services.agents.texts import Facts, Triple, aesthetic, caption_of, caption_of_window, structural

_D = agents_pb2.DescriptorDimension
_WRITERS: Final = {
    _D.DESCRIPTOR_DIMENSION_INSTRUMENTS: aesthetic.instruments,
    _D.DESCRIPTOR_DIMENSION_STYLE: aesthetic.style,
    _D.DESCRIPTOR_DIMENSION_KEY: structural.key,
    _D.DESCRIPTOR_DIMENSION_TIME_SIGNATURE: structural.time_signature,
    _D.DESCRIPTOR_DIMENSION_TEMPO: structural.tempo,
    _D.DESCRIPTOR_DIMENSION_MOOD: aesthetic.mood,
}
#: Dimensions that `music_captioner` writes of, by its names.
_TOPICS: Final = {
    _D.DESCRIPTOR_DIMENSION_INSTRUMENTS: "instruments",
    _D.DESCRIPTOR_DIMENSION_STYLE: "style",
    _D.DESCRIPTOR_DIMENSION_MOOD: "mood",
}


class Teller:
    """Puts a description into words.

    Args:
        chooser: Keeps the best of several texts.
    """

    def __init__(self, chooser: HybridFilter) -> None:
        self._filter = chooser

    async def tell(
        self,
        facts: Facts,
        windows: HeardWindows | None = None,
        captions: Captions | None = None,
        *,
        patience: Patience = at_once,
    ) -> None:
        """Add caption, parts and the texts of the descriptors to the description of `facts`.

        Args:
            facts: What is known.
            windows: What was heard; None for written music.
            captions: What the captioner wrote; None for written music.
            patience: How the embedder is called.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: From the embedder.
        """
        music = facts.music
        if music.silent:
            return
        heard = None if windows is None else tagging.pooled(windows)
        place = stretched(music.emotion.valence, music.emotion.arousal)
        ground = None if heard is None else Ground(heard, music.tempo_bpm, place)
        whole = _whole(facts, captions, ground)
        triples = [_candidates(facts, descriptor.dimension, captions, ground) for descriptor in music.descriptors]
        # The three lengths of a candidate stay together, and are judged by the middle one.
        groups = [whole, *([medium for _, medium, _ in candidates] for candidates in triples)]
        audio = None if windows is None else windows.embedding
        first, *chosen = await patience(lambda: self._filter.best(groups, audio))
        if heard is None or tagging.is_music(heard):
            _tell_caption(music, whole[first], captions)
        for descriptor, candidates, index in zip(music.descriptors, triples, chosen, strict=True):
            descriptor.text_short, descriptor.text_medium, descriptor.text_long = candidates[index]
            descriptor.text_source = descriptor.source or agents_pb2.DESCRIPTOR_SOURCE_SIGNAL
        if windows is not None and captions is not None:
            _tell_parts(music, windows, captions)


def _tell_caption(music: agents_pb2.MusicDescription, caption: str, captions: Captions | None) -> None:
    music.caption = caption
    written = captions is not None and caption in captions.whole
    music.caption_source = agents_pb2.DESCRIPTOR_SOURCE_MODEL if written else agents_pb2.DESCRIPTOR_SOURCE_SIGNAL


def _tell_parts(music: agents_pb2.MusicDescription, windows: HeardWindows, captions: Captions) -> None:
    """The caption of each window, or what was heard in it where the caption does not hold."""
    for index, caption in enumerate(captions.parts):
        row = windows.tags[index]
        if not tagging.is_music(row):
            music.parts.add(start_s=float(windows.starts[index]), duration_s=windows.duration(index))
            continue
        place = _feeling_between(music, float(windows.starts[index]), windows.duration(index))
        holds = bool(caption) and Ground(row, music.tempo_bpm, place).holds(caption)
        music.parts.add(
            start_s=float(windows.starts[index]),
            duration_s=windows.duration(index),
            caption=caption if holds else caption_of_window(row),
        )


def _feeling_between(
    music: agents_pb2.MusicDescription, start_s: float, duration_s: float
) -> tuple[float, float] | None:
    """The mean emotion of a stretch, over the whole plane; None where the curve has no point in it."""
    inside = [
        point.emotion
        for point in music.curve.points
        if start_s <= point.start_s + point.duration_s / 2 <= start_s + duration_s
    ]
    if not inside:
        return None
    valence = sum(emotion.valence for emotion in inside) / len(inside)
    return stretched(valence, sum(emotion.arousal for emotion in inside) / len(inside))


def _whole(facts: Facts, captions: Captions | None, ground: Ground | None) -> Sequence[str]:
    """Candidates for the caption of the whole: the captioner's that hold, else one of the facts."""
    written = ground.kept(captions.whole) if captions is not None and ground is not None else []
    return written or [caption_of(facts)]


def _candidates(
    facts: Facts,
    dimension: agents_pb2.DescriptorDimension.ValueType,
    captions: Captions | None,
    ground: Ground | None,
) -> Sequence[Triple]:
    """Candidates for one dimension: the captioner's beside ours where a model hears it, else wordings of ours."""
    ours = _WRITERS[dimension](facts)
    if captions is None or ground is None or dimension not in _TOPICS:
        return ours
    offered = captions.topics.get(_TOPICS[dimension], ())
    written = [texts for texts in offered if all(map(ground.holds, texts))]
    return [*written, ours[0]] if written else ours
