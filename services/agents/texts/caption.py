"""Captions put together from what is known: for MIDI, and where no written caption holds."""

from __future__ import annotations

from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from services.agents.tagging import told
from services.agents.texts.aesthetic import kind_of, mood_words, plain
from services.agents.texts.facts import Facts, listed


def caption_of(facts: Facts) -> str:
    """One or two sentences, such as "A slow, soft piece for a piano in A minor, in 3/4. It feels sad and calm."""
    music = facts.music
    if music.silent:
        return ""
    manner = ", ".join(word for word in (facts.pace, facts.level) if word)
    noun = "song" if told(music, "voice") else "piece"
    kind = f"{noun} of {kind_of(facts.styles[0])}" if facts.styles else noun
    played = f" for {listed(plain(facts.instruments))}" if facts.instruments else ""
    key = f" in {music.key}" if music.key else ""
    metre = f", in {music.time_signature}" if music.time_signature else ""
    article = "An" if manner[:1] in "aeiou" else "A"
    return f"{article} {manner} {kind}{played}{key}{metre}. It feels {listed(mood_words(music)[:2])}."


def caption_of_window(probabilities: FloatArray) -> str:
    """What was heard in ten seconds of music, such as "A piano and a string section are heard: classical music."."""
    known = tags()
    heard = [tag.name for tag, _ in known.heard(probabilities, "instruments")]
    style = [tag.phrase for tag, _ in known.heard(probabilities, "styles")[:1]]
    sung = [tag.phrase for tag, _ in known.heard(probabilities, "voice")]
    names = [*plain(heard), *sung]
    if not names:
        return f"{style[0][:1].upper()}{style[0][1:]}." if style else "Music, by instruments that could not be told."
    players = listed(names)
    sentence = f"{players[:1].upper()}{players[1:]} {'is' if len(names) == 1 else 'are'} heard"
    return f"{sentence}: {style[0]}." if style else f"{sentence}."
