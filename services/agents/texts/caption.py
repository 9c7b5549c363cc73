"""Captions put together from what is known: for MIDI, and where no written caption holds."""

from __future__ import annotations

from typing import Final

from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from services.agents.tagging import told
from services.agents.texts.aesthetic import mood_words, plain
from services.agents.texts.facts import Facts, listed

#: Players that a caption lists; further ones are "others".
_PLAYERS: Final = 4
_ADJECTIVES: Final = {"game": "video game"}


def caption_of(facts: Facts) -> str:
    """Two sentences, such as "A slow, soft classical piece for a piano, in A minor and 3/4. It feels sad and calm."""
    music = facts.music
    if music.silent:
        return ""
    pace = "mid-tempo" if facts.pace == "moderate" else facts.pace
    level = "" if facts.level == "medium loud" else facts.level
    style = _ADJECTIVES.get(facts.styles[0], facts.styles[0]) if facts.styles else ""
    sung = bool(told(music, "voice"))
    players = plain(facts.instruments[:_PLAYERS])
    players += ["others"] if len(facts.instruments) > _PLAYERS else []
    # "A solo piano piece for a piano" says it twice.
    played = f" {'with' if sung else 'for'} {listed(players)}" if players and not style.startswith("solo ") else ""
    where = listed([part for part in (music.key, music.time_signature) if part])
    manner = ", ".join(part for part in (pace, level) if part)
    noun = " ".join(part for part in (manner, style, "song" if sung else "piece") if part)
    article = "An" if noun[0] in "aeiou" else "A"
    place = f", in {where}" if where else ""
    return f"{article} {noun}{played}{place}. It feels {listed(mood_words(music)[:2])}."


def caption_of_window(probabilities: FloatArray) -> str:
    """What was heard in ten seconds of music, such as "A piano and a string section are heard: classical music."."""
    known = tags()
    heard = [tag.name for tag, _ in known.heard(probabilities, "instruments")]
    style = [tag.phrase for tag, _ in known.heard(probabilities, "styles")[:1]]
    sung = [tag.phrase for tag, _ in known.heard(probabilities, "voice")]
    names = [*plain(heard[:_PLAYERS]), *(["others"] if len(heard) > _PLAYERS else []), *sung]
    if not names:
        return f"{style[0][:1].upper()}{style[0][1:]}." if style else "Music, by instruments that could not be told."
    players = listed(names)
    sentence = f"{players[:1].upper()}{players[1:]} {'is' if len(names) == 1 else 'are'} heard"
    return f"{sentence}: {style[0]}." if style else f"{sentence}."
