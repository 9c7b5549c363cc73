"""The chain of thought from pictures and texts to music (CoT-VTM), by rules and lexicons.

In one look::

    from luce.server.chain import Chain, read

    thought = Chain().think(read("Waves crash against dark cliffs in a storm."), seed=7)
    thought.description     # "A tense cello melody with timpani, creating ..."
    thought.controls        # mode, tempo, metre, instruments as a composer can be asked for them
    thought.record          # every step in words, by the schema of the published prompt

A picture's impression comes from `Seer`, a video's from `pooled`. `MusicMapper` is the learned short cut: from a
picture's embedding to the embedding of the music, in a few milliseconds.
"""

from __future__ import annotations

from luce.server.chain.chain import Chain, Element, Step, Thought
from luce.server.chain.impression import Impression, Sighting, pooled
from luce.server.chain.lexicon import DRUM_KIT, Genre, Instrument, Lexicon, Sight, lexicon
from luce.server.chain.looking import Seer, tones_of
from luce.server.chain.mapping import MusicIdea, MusicMapper
from luce.server.chain.music import Controls
from luce.server.chain.reading import read
from luce.server.chain.record import InvalidRecord, MusicElements, Record, VisualElements, parse_record

__all__ = [
    "DRUM_KIT",
    "Chain",
    "Controls",
    "Element",
    "Genre",
    "Impression",
    "Instrument",
    "InvalidRecord",
    "Lexicon",
    "MusicElements",
    "MusicIdea",
    "MusicMapper",
    "Record",
    "Seer",
    "Sight",
    "Sighting",
    "Step",
    "Thought",
    "VisualElements",
    "lexicon",
    "parse_record",
    "pooled",
    "read",
    "tones_of",
]
