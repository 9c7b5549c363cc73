"""Key, time signature and tempo in words: sentences around measured values."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.agents.texts.facts import Facts, clock, listed
from services.agents.texts.lengths import Variants, grow

_METRES: Final = {
    "4/4": ("four beats to the bar", "the commonest metre of songs and marches"),
    "2/4": ("two beats to the bar", "the metre of polkas and quick marches"),
    "3/4": ("three beats to the bar", "the metre of waltzes and minuets"),
    "6/8": ("two beats to the bar, each of three eighths", "a swaying metre, as in jigs and barcarolles"),
}
_SURE: Final = 0.75
#: Beat intervals that vary by less than this share of their mean are those of a machine or a steady band.
_STEADY, _FLEXIBLE = 0.03, 0.1


def key(facts: Facts) -> Variants:
    """The key, other keys that fit, and what the mode does."""
    music = facts.music
    if not music.key:
        sure = f"The best of the 24 keys reaches a confidence of {music.key_confidence:.2f} only."
        why = "The pitches settle on no major or minor scale, as in noise, speech, percussion or free harmony."
        how = "A key would need a few pitches that keep coming back, and a bass that rests on its tonic or its fifth."
        rest = "So no key is named here, rather than one that is made up."
        firsts = ("No key is clear.", "There is no clear key.", "The music has no key that could be told.")
        return tuple(grow((first, why, sure, how, rest)) for first in firsts)
    tonic, _, mode = music.key.partition(" ")
    others = list(music.key_alternatives)
    fit = "fit this key well" if music.key_confidence >= _SURE else "fit this key, though not beyond doubt"
    near = (
        f"{listed(others, 'or')} would be the next best {'reading' if len(others) == 1 else 'readings'}."
        if others
        else "No other key comes close."
    )
    sure = f"The pitches {fit} (confidence {music.key_confidence:.2f})."
    how = f"It is told from how often each pitch class sounds, and from a bass that leans on {tonic} and its fifth."
    firsts = (
        f"The piece is in {music.key}.",
        f"Its key is {music.key}.",
        f"The music centres on {tonic}, in the {mode} mode.",
    )
    return tuple(grow((first, sure, near, _mode(mode, music.emotion.valence), how)) for first in firsts)


def _mode(mode: str, valence: float) -> str:
    if abs(valence) < 0.1:
        return f"The {mode} mode does not tip the mood to either side."
    bright = valence > 0
    if bright == (mode == "major"):
        return f"The {mode} mode goes with its {'bright' if bright else 'dark'} mood."
    return f"For all its {mode} mode it sounds rather {'bright' if bright else 'dark'}."


def time_signature(facts: Facts) -> Variants:
    """How beats group into bars."""
    music = facts.music
    if not music.time_signature:
        why = "Without a steady beat there are no bars to count." if not music.tempo_bpm else _NO_METRE
        sure = f"The likeliest grouping reaches a confidence of {music.time_signature_confidence:.2f} only."
        how = "It would show in accents, bass notes and harmonies that come back every two, three or four beats."
        rest = "So no time signature is named here."
        firsts = ("No metre is clear.", "There is no clear time signature.", "Its beats form no clear bars.")
        return tuple(grow((first, why, sure, how, rest)) for first in firsts)
    name = music.time_signature
    counted, known = _METRES.get(name, ("its own count of beats", "a metre of its own"))
    sure = f"It is heard with a confidence of {music.time_signature_confidence:.2f}."
    beats = {"3/4": 3, "6/8": 2, "2/4": 2}.get(name, 4)
    bar = f"At this tempo a bar lasts about {60 * beats / music.tempo_bpm:.1f} seconds." if music.tempo_bpm else ""
    how = "It shows in how onsets, long notes, bass and harmony repeat from bar to bar."
    confused = {
        "3/4": "A quick 3/4 is easily taken for 6/8.",
        "6/8": "A 6/8 is easily taken for a quick 3/4.",
    }.get(name, "Bars of two and of four such beats sound alike.")
    firsts = (
        f"The metre is {name}: {counted}.",
        f"It moves in {name}, with {counted}.",
        f"The time signature is {name}, {known}.",
    )
    character = (f"This is {known}.", f"This is {known}.", f"One counts {counted}.")
    return tuple(
        grow([part for part in (first, sure, more, bar, how, confused) if part])
        for first, more in zip(firsts, character, strict=True)
    )


_NO_METRE: Final = "There is a beat, but its accents form no pattern that holds through the piece."


def tempo(facts: Facts) -> Variants:
    """The pace, how steady it is, and at what other levels it may be felt."""
    music = facts.music
    if not music.tempo_bpm:
        why = "What sounds does not come back in time: it is free, or rests, or is no music at all."
        sure = f"The regularity that was found reaches a confidence of {music.tempo_confidence:.2f} only."
        how = "A tempo would show as onsets and notes that repeat at even distances for several seconds."
        rest = "So no number of beats per minute is named here."
        firsts = ("There is no steady beat.", "No tempo is clear.", "It keeps to no beat that could be counted.")
        return tuple(grow((first, why, sure, how, rest)) for first in firsts)
    bpm = f"{music.tempo_bpm:.0f}"
    others = [f"{other:.0f}" for other in music.tempo_alternatives]
    level = (
        f"The pulse can also be felt at {listed(others, 'or')} beats per minute."
        if others
        else "No other level of the pulse suggests itself."
    )
    sure = f"It is heard with a confidence of {music.tempo_confidence:.2f}."
    firsts = (
        f"The tempo is {facts.pace}, about {bpm} beats per minute.",
        f"It goes at a {facts.pace} {bpm} beats per minute.",
        f"The pace is {facts.pace}: roughly {bpm} bpm.",
    )
    return tuple(grow([first, *_steadiness(facts), level, sure, *_density(facts)]) for first in firsts)


def _steadiness(facts: Facts) -> list[str]:
    times = np.asarray(facts.music.beat_times)
    if times.size < 8:
        return []
    gaps = np.diff(times)
    spread = float(gaps.std() / max(gaps.mean(), 1e-6))
    how = (
        "The beat is as even as a clock"
        if spread < _STEADY
        else "The beat is steady, with small freedoms"
        if spread < _FLEXIBLE
        else "The beat is flexible and gives way at times"
    )
    return [f"{how}: {times.size} beats from {clock(float(times[0]))} to {clock(float(times[-1]))}."]


def _density(facts: Facts) -> list[str]:
    if facts.texture is None:
        return []
    return [f"About {max(1, round(facts.texture.notes_a_second))} notes a second are heard."]
