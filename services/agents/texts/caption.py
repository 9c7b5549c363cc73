"""A caption of the whole piece put together from what is known of it: for MIDI, and where no captioner was asked."""

from __future__ import annotations

from services.agents.texts.aesthetic import kind_of, mood_words, plain
from services.agents.texts.facts import Facts, listed


def caption_of(facts: Facts) -> str:
    """One or two sentences, such as "A slow, soft piece for a piano in A minor, in 3/4. It feels sad and calm."""
    music = facts.music
    if music.silent:
        return ""
    manner = ", ".join(word for word in (facts.pace, facts.level) if word)
    kind = f"piece of {kind_of(facts.styles[0])}" if facts.styles else "piece"
    played = f" for {listed(plain(facts.instruments))}" if facts.instruments else ""
    key = f" in {music.key}" if music.key else ""
    metre = f", in {music.time_signature}" if music.time_signature else ""
    article = "An" if manner[:1] in "aeiou" else "A"
    return f"{article} {manner} {kind}{played}{key}{metre}. It feels {listed(mood_words(music)[:2])}."
