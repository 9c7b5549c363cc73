"""Instruments, style and mood in words: sentences around what models heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from luce.server.music.tags import tags
from luce.v1 import agents_pb2
from services.agents.moods import change_of, moods_of, stretched, uncertainty_of
from services.agents.tagging import told
from services.agents.texts.facts import Facts, Texture, clock, listed
from services.agents.texts.lengths import Variants, grow

_DETACHED, _BOUND = -1.0, -0.1
_UNSURE: Final = 0.4
#: Players that a sentence lists; further ones are "others".
_PLAYERS: Final = 5
_FEELINGS: Final = {
    (True, True): "bright and lively",
    (True, False): "bright and calm",
    (False, True): "dark and tense",
    (False, False): "dark and calm",
}


def instruments(facts: Facts) -> Variants:
    """Who plays, how surely, who comes in late, and how the notes lie."""
    names = facts.instruments
    if not names:
        sound = _other_sound(facts)
        why = "None of the instruments that the model knows reaches the probability from which it is told."
        rest = "So none is named here, rather than one that is made up."
        firsts = ("No instrument could be told.", "What plays is not clear.", "The instruments remain unknown.")
        return tuple(grow([first, *sound, why, rest, *_texture(facts.texture)]) for first in firsts)
    players = listed(_few(facts.instruments))
    firsts = (
        f"{_capital(players)} {'is' if len(names) == 1 else 'are'} heard.",
        f"One hears {players}." if _sung(facts) else f"It is played on {players}.",
        f"The sound is that of {players}.",
    )
    more = [
        *_entries(facts),
        *_texture(facts.texture),
        *_sureness(facts, "instruments"),
        *_voice(facts),
        *_level(facts),
    ]
    return tuple(grow([first, *more]) for first in firsts)


def style(facts: Facts) -> Variants:
    """What kind of music it is, and what speaks for it."""
    names = list(facts.styles)
    if not names:
        sound = _other_sound(facts)
        why = "No style that the model knows reaches the probability from which it is told."
        rest = "So none is named here."
        firsts = ("No style could be told.", "Its style is not clear.", "The style remains open.")
        return tuple(grow([first, *sound, why, rest, *_setting(facts)]) for first in firsts)
    kind = listed([kind_of(name) for name in names[:2]], "or")
    traits = f"It also has traits of {listed([kind_of(name) for name in names[2:]])}." if names[2:] else ""
    firsts = (
        f"The style is that of {kind}.",
        f"It sounds like {kind}.",
        f"This is {kind}." if len(names) == 1 else f"This is close to {kind}.",
    )
    more = [traits, *_setting(facts), *_sureness(facts, "styles"), *_texture(facts.texture)]
    return tuple(grow([part for part in (first, *more) if part]) for first in firsts)


def mood(facts: Facts) -> Variants:
    """How it feels, how surely, and where that changes."""
    music = facts.music
    felt = listed(mood_words(music)[:3])
    valence, arousal = music.emotion.valence, music.emotion.arousal
    firsts = (f"The mood is {felt}.", f"It feels {felt}.", f"The music is {felt} in mood.")
    point = f"Valence is {valence:+.2f} and arousal {arousal:+.2f} on scales from -1 to 1."
    spread = sum(uncertainty_of(music)) / 2
    doubt = f"The model's own doubt is about {spread:.2f}." if spread > 0 else ""
    if spread > _UNSURE:
        doubt = f"That is uncertain by about {spread:.2f}."
    bright, lively = stretched(valence, arousal)
    place = f"Beside other music it is rather {_FEELINGS[bright >= 0, lively >= 0]}."
    change = change_of(music)
    course = f"It grows {change} towards the end." if change else "The mood holds from beginning to end."
    parts = [course if len(music.curve.points) >= 6 else "", *_extremes(music), point, place, doubt]
    return tuple(grow([part for part in (first, *parts) if part]) for first in firsts)


def mood_words(music: agents_pb2.MusicDescription) -> list[str]:
    """The moods of a description, those of the emotion where it has no descriptor yet."""
    for descriptor in music.descriptors:
        if descriptor.dimension == agents_pb2.DESCRIPTOR_DIMENSION_MOOD and descriptor.values:
            return list(descriptor.values)
    return moods_of(music.emotion.valence, music.emotion.arousal)


def _extremes(music: agents_pb2.MusicDescription) -> list[str]:
    points = music.curve.points
    if len(points) < 12:
        return []
    most = max(points, key=lambda point: point.emotion.arousal)
    least = min(points, key=lambda point: point.emotion.arousal)
    if most.emotion.arousal - least.emotion.arousal < 0.2:
        return []
    return [f"It is most stirring around {clock(most.start_s)} and calmest around {clock(least.start_s)}."]


def _entries(facts: Facts) -> list[str]:
    found = []
    for name, start in facts.entries[:2]:
        player = plain([name])[0]
        comes = "come" if player.endswith("s") and not player.startswith("a ") else "comes"
        found.append(f"{_capital(player)} {comes} in at about {clock(start)}.")
    return found


def _texture(texture: Texture | None) -> list[str]:
    if texture is None:
        return []
    voices = round(texture.voices)
    at_once = "one note at a time" if voices <= 1 else f"about {voices} notes at once"
    touch = ", detached" if texture.legato < _DETACHED else ", bound to each other" if texture.legato > _BOUND else ""
    return [
        f"The notes lie in the {texture.register} register, {at_once}{touch}, "
        f"about {max(1, round(texture.notes_a_second))} a second."
    ]


def _sureness(facts: Facts, dimension: str) -> list[str]:
    heard = told(facts.music, dimension)[:4]
    if not heard:
        return []
    return ["The model is " + listed([f"{tag.confidence:.0%} sure of {tag.name}" for tag in heard]) + "."]


def _sung(facts: Facts) -> bool:
    return bool(told(facts.music, "voice"))


def _voice(facts: Facts) -> list[str]:
    return ["Somebody sings."] if _sung(facts) else ["Nobody sings."] if facts.music.tags else []


def _level(facts: Facts) -> list[str]:
    return [f"It is {facts.level}, at {facts.music.loudness_lufs:.0f} LUFS."]


def _setting(facts: Facts) -> list[str]:
    """What is heard that a style goes with."""
    music = facts.music
    pace = f"{facts.pace} and {facts.level}" if facts.pace else facts.level
    key = f", in {music.key}" if music.key else ""
    played = f", played on {listed(_few(facts.instruments))}" if facts.instruments else ""
    return [f"It is {pace}{key}{played}."]


def _other_sound(facts: Facts) -> list[str]:
    sounds = [tag.name for tag in told(facts.music, "sound") if tag.name != "music"]
    return [f"What sounds is rather {_phrase(sounds[0])}."] if sounds else []


def plain(names: Sequence[str]) -> list[str]:
    """Names of instruments with their articles, shortly."""
    return [_article(name).split(" such as ")[0] for name in names]


def _article(name: str) -> str:
    """A name with its article, as the labels have it."""
    known = tags()
    if name in known.names:
        return _phrase(name)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}" if not name.endswith("s") else name


def _phrase(name: str) -> str:
    known = tags()
    return known.entries[known.index(name)].phrase


def _few(names: Sequence[str]) -> list[str]:
    return plain(names[:_PLAYERS]) + (["others"] if len(names) > _PLAYERS else [])


def kind_of(name: str) -> str:
    """What music of a style is called."""
    return _phrase(name) if name in tags().names else f"{name} music"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
