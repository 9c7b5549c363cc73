"""The vocabulary of pictures: what the agents may ask for is what the painter has taught the model to draw.

Shape, in one look::

    from luce.server.vocabulary import Attributes, compose_prompt, harmonize, vocabulary

    words = vocabulary()                       # Vocabulary, read once from vocabulary.toml
    words.kinds                                # ("scene", "subject", "time", "weather", "light", "style",
                                               #  "palette", "composition", "motion", "mood")
    words.entries("scene")["sea"]              # Entry(kind, name, phrases, valence, arousal, fits, colours)
    words.nearest("mood", 0.6, -0.6, count=2)  # entries by distance in the valence-arousal plane
    wish = Attributes(scene="sea", time="night", light="golden", moods=("serene",), ...)
    wish = harmonize(wish)                     # replaces what does not go together (golden light at night)
    compose_prompt(wish, random.Random(seed))  # "watercolor painting of serene sea at night, ..."
    lexicon().wording("style", "oil")          # Wording(entry, words, cues, texture, brightness, warmth, ...)

All valences and arousals lie in [-1, 1]. `compose_prompt` writes training captions; the agents write their prompts with
the wordings of the lexicon, each of which the picture model was seen to read as its entry.
"""

from __future__ import annotations

from luce.server.vocabulary.attributes import Attributes, harmonize, misfits
from luce.server.vocabulary.entries import KINDS, Entry, Vocabulary, vocabulary
from luce.server.vocabulary.grammar import compose_prompt
from luce.server.vocabulary.lexicon import Contradiction, Lexicon, Wording, lexicon

__all__ = [
    "KINDS",
    "Attributes",
    "Contradiction",
    "Entry",
    "Lexicon",
    "Vocabulary",
    "Wording",
    "compose_prompt",
    "harmonize",
    "lexicon",
    "misfits",
    "vocabulary",
]
