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

All valences and arousals lie in [-1, 1]. Training captions and serving prompts come from the same grammar.
"""

from __future__ import annotations

from luce.server.vocabulary.attributes import Attributes, harmonize, misfits
from luce.server.vocabulary.entries import Entry, Vocabulary, vocabulary
from luce.server.vocabulary.grammar import compose_prompt

__all__ = ["Attributes", "Entry", "Vocabulary", "compose_prompt", "harmonize", "misfits", "vocabulary"]
