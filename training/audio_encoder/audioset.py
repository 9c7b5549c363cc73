"""From a recording's genre, its listeners' votes and YAMNet's AudioSet scores to our labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luce.server.music.spectra import FloatArray

#: AudioSet's classes of each of our labels, and the sums of YAMNet's mean scores over ten seconds up to which a label
#: counts as absent and from which it counts as present. The scores of a full mix are low, most of all those of what
#: always plays along, so the bounds were set by looking at tracks whose genre makes the answer plain.
CLASSES: dict[str, tuple[tuple[str, ...], float, float]] = {
    "piano": (("Piano",), 0.0002, 0.01),
    "electric piano": (("Electric piano",), 0.0002, 0.01),
    "harpsichord": (("Harpsichord",), 0.001, 0.03),
    "mallets": (("Mallet percussion", "Marimba, xylophone", "Glockenspiel", "Vibraphone"), 0.0005, 0.01),
    "organ": (("Organ", "Electronic organ", "Hammond organ"), 0.0003, 0.008),
    "accordion": (("Accordion",), 0.0005, 0.01),
    "harmonica": (("Harmonica",), 0.001, 0.01),
    "acoustic guitar": (("Acoustic guitar",), 0.0002, 0.008),
    "electric guitar": (("Electric guitar",), 0.0001, 0.003),
    "bass": (("Bass guitar",), 0.0001, 0.003),
    "violin": (("Violin, fiddle",), 0.001, 0.05),
    "cello": (("Cello",), 0.0005, 0.02),
    "strings": (("String section", "Orchestra"), 0.0005, 0.03),
    "harp": (("Harp",), 0.001, 0.04),
    "choir": (("Choir",), 0.0003, 0.005),
    "brass": (("Brass instrument", "French horn", "Trumpet", "Trombone"), 0.0003, 0.008),
    "saxophone": (("Saxophone",), 0.0003, 0.005),
    "woodwind": (("Clarinet",), 0.0003, 0.005),
    "flute": (("Flute",), 0.0003, 0.02),
    "synthesizer": (("Synthesizer", "Sampler"), 0.0003, 0.01),
    "drums": (("Drum kit", "Drum machine", "Drum", "Percussion", "Snare drum", "Bass drum", "Hi-hat"), 0.0007, 0.01),
    "singing": (("Singing", "Vocal music", "Song", "Choir", "A capella", "Rapping"), 0.002, 0.012),
}

_GENRES = ("classical", "rock", "electronic", "pop")
#: Emotify's GEMS emotions (Zentner 2008) in our words.
_MOODS = {
    "joyful_activation": "joyful",
    "power": "powerful",
    "tension": "tense",
    "sadness": "sad",
    "calmness": "calm",
    "tenderness": "tender",
    "nostalgia": "nostalgic",
    "solemnity": "solemn",
    "amazement": "wondrous",
}
#: Shares of listeners that count as none and as all.
_FEW, _MANY = 0.08, 0.45


def genre_labels(genre: str) -> dict[str, float]:
    """Styles of a recording; the periods of art music are unknown."""
    known = {name: float(name == genre) for name in _GENRES} | {"folk": 0.0, "game": 0.0}
    return known if genre == "classical" else known | {"baroque": 0.0, "romantic": 0.0}


def mood_labels(row: Mapping[str, str]) -> dict[str, float]:
    """Moods by the share of listeners who chose them: 0 up to 8 %, 1 from 45 %."""
    shares = {label: float(row[emotion]) for emotion, label in _MOODS.items()}
    return {label: float(np.clip((share - _FEW) / (_MANY - _FEW), 0, 1)) for label, share in shares.items()}


def labels_of(scores: FloatArray, names: list[str]) -> dict[str, float]:
    """Instruments and voice by the teacher: present, absent, or unknown (NaN).

    Args:
        scores: (521,) mean scores of a window.
        names: AudioSet's name of each.
    """
    found = {}
    for label, (classes, absent, present) in CLASSES.items():
        total = sum(float(scores[names.index(name)]) for name in classes)
        found[label] = 1.0 if total >= present else 0.0 if total <= absent else float("nan")
    return found
