"""How often tempo and key are right, on rendered songs of POP909 (Wang 2020), which are annotated with both.

Run ``python -m training.evaluate.music_analysis --data FOLDER``, where FOLDER holds ``pop909``.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luce.server.music.analysis import analyze
from training.music_emotion.dataset import load_midi
from training.music_emotion.render import Performance, render

#: Where the excerpt of a song begins and how long it is, in seconds.
START, SECONDS = 20.0, 30.0
#: Instruments by turns: pianos, electric piano, guitar, vibraphone, and two without attacks (organ, strings).
PROGRAMS = (0, 0, 4, 24, 11, 19, 48)

_NOTES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Truth:
    """The annotation of an excerpt: beats a minute, tonic (0 = C) and mode."""

    bpm: float
    tonic: int
    mode: str


def parse_key(text: str) -> tuple[int, str]:
    """Tonic and mode of an annotation such as ``Gb:maj``."""
    name, mode = text.split(":")
    shift = name.count("#") - name[1:].count("b")
    return (_NOTES[name[0]] + shift) % 12, {"maj": "major", "min": "minor"}[mode]


def read_truth(folder: Path) -> Truth:
    """Read the annotations of a song's excerpt."""
    beats = np.loadtxt(folder / "beat_midi.txt")[:, 0]
    beats = beats[(beats >= START) & (beats < START + SECONDS)]
    keys = [line.split() for line in (folder / "key_audio.txt").read_text(encoding="utf-8").splitlines()]
    current = [key for start, _, key in keys if float(start) < START + 5][-1:] or [keys[0][2]]
    return Truth(60 / float(np.median(np.diff(beats))), *parse_key(current[0]))


def key_score(tonic: int | None, mode: str | None, truth: Truth) -> float:
    """MIREX key score: 1 exact, 0.5 a fifth off, 0.3 relative, 0.2 parallel, else 0."""
    if tonic is None:
        return 0.0
    distance = (tonic - truth.tonic) % 12
    if mode == truth.mode:
        return {0: 1.0, 7: 0.5, 5: 0.5}.get(distance, 0.0)
    if distance == (9 if truth.mode == "major" else 3):
        return 0.3
    return 0.2 if distance == 0 else 0.0


def main() -> None:
    """Render, analyse, compare, print."""
    parser = argparse.ArgumentParser(description="Evaluate tempo and key on POP909.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--songs", type=int, default=140)
    options = parser.parse_args()
    folders = [path for path in (options.data / "pop909").iterdir() if (path / "key_audio.txt").is_file()]
    folders.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
    exact, octave, named, scores, keyed = 0, 0, 0, [], 0
    chosen = folders[: options.songs]
    for index, folder in enumerate(chosen):
        truth = read_truth(folder)
        how = Performance(program=PROGRAMS[index % len(PROGRAMS)])
        found = analyze(render(load_midi(folder / f"{folder.name}.mid"), START, SECONDS, how))
        scores.append(key_score(found.key.tonic, found.key.mode, truth))
        keyed += found.key.tonic is not None
        if found.tempo.bpm is not None:
            named += 1
            ratios = [abs(found.tempo.bpm / truth.bpm / factor - 1) < 0.04 for factor in (1, 2, 0.5)]
            exact += ratios[0]
            octave += any(ratios)
    print(f"{len(chosen)} songs; tempo named {named}, within 4 % {exact}, or its half or double {octave}")
    print(f"key named {keyed}, exact {sum(score == 1 for score in scores)}, mean MIREX score {np.mean(scores):.3f}")


if __name__ == "__main__":
    main()
