"""How often tempo, key and metre are right, on rendered songs with varied instruments, sound fonts, rooms and noise.

Run ``python -m training.evaluate.music_analysis --data FOLDER``, where FOLDER holds ``pop909`` and ``nottingham``. The
songs are the first of each data set by a hash of their names; the metre classifier is trained on others, but thresholds
were chosen looking at these. ``--untouched`` takes songs that nothing was trained on or chosen by (``midi_classical``
too).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from luce.server.music.analysis import MusicAnalysis, analyze
from luce.server.music.spectra import FloatArray
from training.evaluate.performances import Truth, classical_pieces, folk_tunes, key_score, pop_songs
from training.music_emotion.render import SOUND_FONT
from training.music_emotion.takes import Transcriber

#: Songs of POP909, and Nottingham tunes of each of three metres, that are evaluated on.
POP_SONGS, TUNES = 40, 20
#: Songs of POP909, tunes and classical files beyond all that anything was trained on or chosen by, and how many.
UNTOUCHED_FROM, UNTOUCHED_SONGS = 740, 40
UNTOUCHED_TUNES = 8
CLASSICAL_FROM, CLASSICAL_TO, UNTOUCHED_PIECES = 1200, 1500, 10
SOURCES = ("pop909", "nottingham", "classical")
_TOLERANCE = 0.04


def right(bpm: float | None, truth: float) -> bool:
    """Whether a tempo is within 4 % of the truth."""
    return bpm is not None and abs(bpm / truth - 1) < _TOLERANCE


def figures(pairs: Iterable[tuple[Truth, MusicAnalysis]]) -> dict[str, float]:
    """Shares of songs, and the mean MIREX key score of those whose key is known."""
    rows, keys = [], []
    for truth, found in pairs:
        if truth.mode != "unknown":
            keys.append(key_score(found.key.tonic, found.key.mode, truth))
        rows.append(
            (
                found.tempo.bpm is not None,
                right(found.tempo.bpm, truth.bpm),
                any(right(bpm, truth.bpm) for bpm in (found.tempo.bpm, *found.tempo.alternatives)),
                found.metre.name is not None,
                found.metre.name == truth.metre,
            )
        )
    names = ("tempo_named", "tempo_exact", "tempo_exact_or_flagged", "metre_named", "metre_right")
    means = {name: round(float(value), 3) for name, value in zip(names, np.mean(rows, axis=0), strict=True)}
    key = {"keys": len(keys), "key_mirex": round(float(np.mean(keys)), 3)} if keys else {}
    return {"songs": len(rows)} | key | means


def songs(data: Path, fonts: list[Path], untouched: bool) -> Iterator[tuple[Truth, FloatArray]]:
    """The songs that thresholds were chosen on, or others that nothing was trained or chosen on.

    Of the untouched Nottingham tunes the metre classifier knows the notes: only their key counts.
    """
    if not untouched:
        yield from pop_songs(data, POP_SONGS, fonts)
        yield from folk_tunes(data, TUNES, fonts)
        return
    yield from pop_songs(data, UNTOUCHED_SONGS, fonts, skip=UNTOUCHED_FROM)
    yield from folk_tunes(data, UNTOUCHED_TUNES, fonts, skip=TUNES)
    yield from classical_pieces(data, UNTOUCHED_PIECES, fonts, skip=CLASSICAL_FROM)


def main() -> None:
    """Render, transcribe, analyse, compare, print."""
    parser = argparse.ArgumentParser(description="Evaluate tempo, key and metre.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    parser.add_argument("--untouched", action="store_true", help="songs that nothing was trained or chosen on")
    options = parser.parse_args()
    fonts = [SOUND_FONT, *options.font]
    transcribe = Transcriber()
    pairs = []
    for truth, samples in songs(options.data, fonts, options.untouched):
        found = analyze(samples, notes=transcribe(samples))
        pairs.append((truth, found))
        print(truth, found.key.name, found.tempo.bpm, found.tempo.alternatives, found.metre.name, file=sys.stderr)
    groups = {name: [pair for pair in pairs if pair[0].name.startswith(name)] for name in SOURCES}
    if options.untouched:
        told = [*groups["pop909"], *groups["classical"]]
        keys = figures([*groups["pop909"], *groups["nottingham"]])
        result = {"tempo_and_metre": figures(told), "key": {name: keys[name] for name in ("keys", "key_mirex")}}
    else:
        result = {"all": figures(pairs)}
    result |= {name: figures(group) for name, group in groups.items() if group}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
