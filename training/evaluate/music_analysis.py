"""How often tempo, key and metre are right, on rendered songs with varied instruments, sound fonts, rooms and noise.

Run ``python -m training.evaluate.music_analysis --data FOLDER``, where FOLDER holds ``pop909`` and ``nottingham``. The
songs are the first of each data set by a hash of their names; the metre classifier is trained on others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from luce.server.music.analysis import MusicAnalysis, analyze
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import Truth, folk_tunes, key_score, pop_songs
from training.music_emotion.render import SOUND_FONT
from training.music_emotion.takes import Transcriber

#: Songs of POP909, and Nottingham tunes of each of three metres, that are evaluated on.
POP_SONGS, TUNES = 40, 20
_TOLERANCE = 0.04


def right(bpm: float | None, truth: float) -> bool:
    """Whether a tempo is within 4 % of the truth."""
    return bpm is not None and abs(bpm / truth - 1) < _TOLERANCE


def figures(pairs: Iterable[tuple[Truth, MusicAnalysis]]) -> dict[str, float]:
    """Shares of songs, and the mean MIREX key score."""
    rows = [
        (
            key_score(found.key.tonic, found.key.mode, truth),
            found.tempo.bpm is not None,
            right(found.tempo.bpm, truth.bpm),
            any(right(bpm, truth.bpm) for bpm in (found.tempo.bpm, *found.tempo.alternatives)),
            found.metre.name is not None,
            found.metre.name == truth.metre,
        )
        for truth, found in pairs
    ]
    names = ("key_mirex", "tempo_named", "tempo_exact", "tempo_exact_or_flagged", "metre_named", "metre_right")
    means = zip(names, np.mean(rows, axis=0), strict=True)
    return {"songs": len(rows)} | {name: round(float(value), 3) for name, value in means}


def main() -> None:
    """Render, transcribe, analyse, compare, print."""
    parser = argparse.ArgumentParser(description="Evaluate tempo, key and metre.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    options = parser.parse_args()
    fonts = [SOUND_FONT, *options.font]
    transcribe = Transcriber()

    def heard(samples: FloatArray) -> MusicAnalysis:
        return analyze(samples, notes=transcribe(samples))

    songs = chain(pop_songs(options.data, POP_SONGS, fonts), folk_tunes(options.data, TUNES, fonts))
    pairs = [(truth, heard(samples)) for truth, samples in songs]
    sources = {"all": pairs} | {
        source: [pair for pair in pairs if pair[0].name.startswith(source)] for source in ("pop909", "nottingham")
    }
    print(json.dumps({name: figures(part) for name, part in sources.items()}, indent=2))


if __name__ == "__main__":
    main()
