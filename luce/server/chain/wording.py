"""The steps in words: reasoning and descriptions, from templates that a seed chooses from."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from luce.server.chain.impression import Impression
from luce.server.chain.music import Controls, emotion_words, pace_word
from luce.server.chain.record import MusicElements, VisualElements


@dataclass(frozen=True, slots=True)
class Looking:
    """The first step in words: why, and the scene as it was understood."""

    reasoning: str
    scene: str


def see_in(impression: Impression) -> VisualElements:
    """The visual elements of an impression."""
    things = [sight.phrase for sight in impression.of_kind("thing", "scene", "act")][:3]
    tones = [sight.phrase for sight in impression.of_kind("tone")][:2]
    return VisualElements(
        object=join(things) if things else "nothing in particular",
        emotion=" and ".join(emotion_words(impression.emotion)),
        dynamic=dynamic_words(impression.motion),
        color=join(tones) if tones else _likely_tones(impression),
    )


def dynamic_words(motion: float) -> str:
    """How much moves, in words."""
    table = ((-0.6, "still"), (-0.25, "calm and nearly still"), (0.1, "gently moving"), (0.45, "lively"))
    return next((word for limit, word in table if motion < limit), "fast and energetic")


def look_at(impression: Impression, visual: VisualElements, rng: random.Random) -> Looking:
    """Why the elements are these, and the scene they make."""
    setting = [sight.phrase for sight in impression.of_kind("time", "weather")][:2]
    around = f" {join(setting, ', ')}" if setting else ""
    reasoning = _choose(
        rng,
        f"The scene shows {visual.object}{around}: {visual.emotion}, {visual.dynamic}, with {visual.color}.",
        f"With {visual.object}{around} the mood is {visual.emotion}, {visual.dynamic}; the colours are {visual.color}.",
    )
    first, _, second = visual.emotion.partition(" and ")
    scene = _choose(
        rng,
        f"A {first} scene of {visual.object}{around}, {visual.dynamic}, in {visual.color}.",
        f"{_capital(visual.object)}{around}: a {first} and {second or first} view in {visual.color}.",
    )
    return Looking(reasoning, scene)


def hear_in(visual: VisualElements, music: MusicElements, controls: Controls, rng: random.Random) -> str:
    """Why these music elements follow from the visual ones."""
    setting = join(controls.shared_contexts[:2]) or f"the {visual.emotion} mood"
    verb = "suggest" if len(controls.shared_contexts) > 1 else "suggests"
    return _choose(
        rng,
        f"{_capital(setting)} {verb} {music.genre}; what is {visual.dynamic} takes a {music.rhythm} rhythm in "
        f"{controls.mode}, for {join(music.instruments)}.",
        f"A {visual.dynamic} scene needs a {music.rhythm} rhythm; {setting} {verb} {music.genre} in {controls.mode}, "
        f"played by {join(music.instruments)}.",
    )


def weigh(music: MusicElements, controls: Controls, rng: random.Random) -> str:
    """Why the whole holds together."""
    touch, pace = _touch(controls), pace_word(controls.tempo_bpm)
    return _choose(
        rng,
        f"The music should feel as the scene does: {music.emotion}, {touch}, {pace}.",
        f"So it is {pace} and {touch}, and as {music.emotion} as what is seen.",
    )


def describe_music(music: MusicElements, controls: Controls, rng: random.Random) -> str:
    """The music in one or two sentences, as people describe music."""
    lead, rest = music.instruments[0], music.instruments[1:]
    touch, pace = _touch(controls), pace_word(controls.tempo_bpm)
    beside = f" with {join(rest)}" if rest else ""
    mood = music.emotion
    return _choose(
        rng,
        f"A {touch} {lead} melody{beside}, creating a {mood} atmosphere: {music.genre} with a {music.rhythm} "
        f"rhythm in a {controls.mode} key.",
        f"{_capital(music.genre)} in a {pace} tempo, {mood}. The {lead} plays a {touch} melody"
        f"{f' over {join(rest)}' if rest else ''}, in {controls.metre} and {controls.mode}.",
        f"This is a {mood} piece of {music.genre}, {pace} and {touch}, for {join(music.instruments)}, in a "
        f"{controls.mode} key at about {controls.tempo_bpm:.0f} beats per minute.",
        f"{_capital(touch)} {music.genre} featuring {join(music.instruments)}. The mood is {mood}, with a "
        f"{music.rhythm} rhythm, and the tonality is {controls.mode}.",
        f"{_capital(mood)} {lead} music{beside}; {pace} tempo, {touch}, {music.genre}, {controls.mode} key.",
    )


def join(parts: Sequence[str], last: str = " and ") -> str:
    """Parts in a row: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])}{last}{parts[-1]}"


def _touch(controls: Controls) -> str:
    """How it is played: by arousal, and by valence within it."""
    valence, arousal = controls.emotion.valence, controls.emotion.arousal
    if arousal > 0.5:
        return "powerful" if valence < -0.2 else "exciting"
    if arousal > 0.1:
        return "tense" if valence < -0.2 else "spirited"
    if arousal > -0.4:
        return "plaintive" if valence < -0.2 else "warm"
    return "hushed" if valence < -0.2 else "soft"


def _likely_tones(impression: Impression) -> str:
    """Where no colour was named: what the feeling suggests."""
    valence, arousal = impression.emotion.valence, impression.emotion.arousal
    if valence >= 0:
        return "bright warm tones" if arousal >= 0 else "soft light tones"
    return "dark contrasting tones" if arousal >= 0 else "dim muted tones"


def _choose(rng: random.Random, *sentences: str) -> str:
    """One of several wordings, with "an" before a vowel."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", rng.choice(sentences))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
