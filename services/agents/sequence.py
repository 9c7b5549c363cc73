"""A piece of music as a sequence of pictures: when each is seen, how the music feels then, and what it shows.

Place, subject, hour, style and framing are those of the piece; weather, light, palette, motion and mood follow the
moment. Pure: the same description and prompt give the same sequence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.server.vocabulary import Entry, vocabulary
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.naming import named_in
from services.agents.roles.brief import Brief, brief_of

Floats = NDArray[np.float64]

# How far a word must be nearer to the moment than the one before it to take its place, in units of the plane: words
# that change back and forth are unrest that is not in the music.
_FIRMNESS: Final = 0.12
# Steps of the clock on which the path through the plane is measured, seconds.
_STEP_S: Final = 0.25
# A key picture goes to a beat that is nearer than this share of its distance to its neighbours.
_BEAT_REACH: Final = 0.25
# Kinds of words that change, in the order in which they are chosen: what a light fits hangs on the weather.
_CHANGING: Final = ("weather", "light", "palette", "motion", "mood")
_FIELDS: Final = {"weather": "weather", "light": "lighting", "palette": "palette", "motion": "verb", "mood": "mood"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One key picture to be.

    Attributes:
        time_s: When it is fully seen, seconds from the start of the music.
        emotion: How the music feels then.
        prompt: What it shows.
    """

    time_s: float
    emotion: Emotion
    prompt: agents_pb2.Prompt


def moments_of(music: agents_pb2.MusicDescription, text: str, whole: agents_pb2.Prompt, count: int) -> list[Moment]:
    """The key pictures of a piece, in time order; the first is seen at its start, the last at its end.

    Args:
        music: The piece, with its curve and beats where it has them.
        text: A person's own words, which stay.
        whole: The agents' prompt for the piece as a whole.
        count: How many, at least 2.
    """
    times = key_times(music, count)
    path = emotion_path(music, times)
    named = named_in(text)
    chosen: dict[str, Entry] = {}
    found = []
    for time, point in zip(times, path, strict=True):
        emotion = Emotion(float(point[0]), float(point[1]))
        chosen = _words(_brief_at(music, emotion), whole.vocabulary, chosen)
        found.append(Moment(float(time), emotion, _prompt(text, named, whole, chosen)))
    return found


def emotion_path(music: agents_pb2.MusicDescription, times: Floats) -> Floats:
    """Valence and arousal at each time, (n, 2) in [-1, 1]: between the middles of the curve's windows, straight lines.

    Without a curve the piece's own emotion.
    """
    points = music.curve.points
    if not points:
        return np.tile([music.emotion.valence, music.emotion.arousal], (len(times), 1)).astype(np.float64)
    middles = [point.start_s + point.duration_s / 2.0 for point in points]
    axes = ([p.emotion.valence for p in points], [p.emotion.arousal for p in points])
    path: Floats = np.clip(np.stack([np.interp(times, middles, axis) for axis in axes], axis=1), -1.0, 1.0)
    return path


def key_times(music: agents_pb2.MusicDescription, count: int) -> Floats:
    """When the key pictures are seen, (count,) strictly ascending from 0 to the end of the music, seconds.

    Half of the distance is time, half the way that the emotion goes: more pictures where more happens. Those between
    the ends fall on a beat where one is near.
    """
    duration = music.duration_s
    clock = np.linspace(0.0, duration, max(2, math.ceil(duration / _STEP_S) + 1))
    ways = np.linalg.norm(np.diff(emotion_path(music, clock), axis=0), axis=1)
    total = ways.sum()
    shares = 1.0 / len(ways) if total == 0.0 else 0.5 / len(ways) + 0.5 * ways / total
    gone = np.concatenate([[0.0], np.cumsum(np.broadcast_to(shares, ways.shape))])
    times = np.interp(np.linspace(0.0, gone[-1], count), gone, clock)
    times[0], times[-1] = 0.0, duration
    return _on_beats(times, np.asarray(music.beat_times, np.float64))


def _on_beats(times: Floats, beats: Floats) -> Floats:
    if not len(beats):
        return times
    nearest = beats[np.abs(beats[None, :] - times[1:-1, None]).argmin(axis=1)]
    reach = _BEAT_REACH * np.minimum(np.diff(times)[:-1], np.diff(times)[1:])
    moved = times.copy()
    moved[1:-1] = np.where(np.abs(nearest - times[1:-1]) <= reach, nearest, times[1:-1])
    return moved


def _brief_at(music: agents_pb2.MusicDescription, emotion: Emotion) -> Brief:
    """The music as the agents see it, feeling as it does at one moment."""
    now = agents_pb2.MusicDescription()
    now.CopyFrom(music)
    now.emotion.CopyFrom(emotion_pb2.Emotion(valence=emotion.valence, arousal=emotion.arousal))
    return brief_of(now)


def _words(brief: Brief, fixed: Mapping[str, str], before: Mapping[str, Entry]) -> dict[str, Entry]:
    """The word of each changing kind that is nearest to the moment, if need be the one before it."""
    chosen: dict[str, Entry] = {}
    names = {kind: fixed[kind] for kind in ("scene", "time") if kind in fixed}
    for kind in _CHANGING:
        valence = brief.tonal_valence if kind in ("weather", "palette") else brief.valence
        entries = [entry for entry in vocabulary().entries(kind).values() if _fits(entry, names)]
        best = min(entries, key=lambda entry: entry.distance(valence, brief.arousal))
        kept = before.get(kind)
        if kept is not None and kept in entries and _nearer(best, kept, valence, brief.arousal) < _FIRMNESS:
            best = kept
        chosen[kind] = best
        names[kind] = best.name
    return chosen


def _nearer(one: Entry, other: Entry, valence: float, arousal: float) -> float:
    """By how much the one is nearer than the other, in units of the plane."""
    return other.distance(valence, arousal) - one.distance(valence, arousal)


def _fits(entry: Entry, names: Mapping[str, str]) -> bool:
    return all(names[kind] in allowed for kind, allowed in entry.fits.items() if kind in names)


def _prompt(
    text: str, named: Mapping[str, str], whole: agents_pb2.Prompt, chosen: Mapping[str, Entry]
) -> agents_pb2.Prompt:
    """The prompt of one moment: the same sentence throughout, so that only what is meant to change does."""
    prompt = agents_pb2.Prompt(negative_text=whole.negative_text, vocabulary=whole.vocabulary)
    prompt.attributes.CopyFrom(whole.attributes)
    told = prompt.attributes
    for kind, entry in chosen.items():
        if kind not in named:
            setattr(told, _FIELDS[kind], entry.phrases[0])
            prompt.vocabulary[kind] = entry.name
    place = " ".join(filter(None, (told.scene, f"with {told.subject}" if told.subject else "", told.time_of_day)))
    head = [text.strip(" .,;"), told.style, f"{told.mood} mood"] if text else [f"{told.style} of {told.mood} {place}"]
    parts = [*head, told.weather, told.lighting, told.palette, told.composition, told.verb]
    prompt.text = ", ".join(filter(None, parts))
    return prompt
