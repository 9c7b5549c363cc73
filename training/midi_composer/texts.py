"""Texts whose emotion is known, as embeddings: what the composer is told beside, or in place of, an emotion.

Story2MIDI's pairs by shared emotion: in training an excerpt of music meets texts that feel about the same. The texts
are sentences of EmoBank's training split (Buechel and Hahn 2017) and phrases of the vocabulary's moods.

Run ``python -m training.midi_composer.texts --data FOLDER``, where FOLDER holds ``emobank``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from luce.server.vocabulary import vocabulary
from training.image_generator.text import TextEncoder
from training.midi_composer.folders import CACHE

#: Mean and standard deviation of valence and arousal: EmoBank's on 1 to 5, and those of labelled music on [-1, 1].
_TEXT_MEAN, _TEXT_SPREAD = (2.98, 3.04), (0.35, 0.26)
_MUSIC_MEAN, _MUSIC_SPREAD = (0.10, 0.05), (0.22, 0.24)
_FRAMES = ("a {} piece of music", "{} music", "the mood is {}", "it feels {}")


def sentences(data: Path) -> list[tuple[str, float, float]]:
    """EmoBank's training sentences with valence and arousal as labelled music has them."""
    with (data / "emobank" / "emobank.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    found = []
    for row in rows:
        standard = [(float(row[n]) - m) / s for n, m, s in zip(("V", "A"), _TEXT_MEAN, _TEXT_SPREAD, strict=True)]
        valence, arousal = (z * s + m for z, m, s in zip(standard, _MUSIC_MEAN, _MUSIC_SPREAD, strict=True))
        found.append((row["text"], valence, arousal))
    return found


def phrases() -> list[tuple[str, float, float]]:
    """The vocabulary's moods, whose valence and arousal reach further than those of music."""
    return [
        (frame.format(phrase), 0.6 * entry.valence, 0.6 * entry.arousal)
        for entry in vocabulary().entries("mood").values()
        for phrase in entry.phrases
        for frame in _FRAMES
    ]


def main() -> None:
    """Write ``texts.npz``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=CACHE)
    given = parser.parse_args()
    found = [*sentences(given.data), *phrases()]
    embeddings = TextEncoder()([text for text, _, _ in found]).pooled
    emotion = np.clip(np.array([row[1:] for row in found], np.float32), -1, 1)
    given.folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.folder / "texts.npz", embeddings=embeddings, emotion=emotion)
    print(f"{len(found)} texts", flush=True)


if __name__ == "__main__":
    main()
