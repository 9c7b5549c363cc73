"""A judge of composed music: notes to valence and arousal, learned from music that the composer's labels never saw.

The composer's training labels, and the choice among candidates, come from the served `note_emotion`, which learned
from the training pieces of VGMIDI. The judge learns from EMOPIA (quadrants of transcribed pop, CC BY-NC-SA 4.0; never
trained on elsewhere) and from the held-out pieces of VGMIDI, and is checked on the training pieces of VGMIDI, which
it has not seen. Run ``python -m training.midi_composer.judge --data FOLDER``, where FOLDER holds ``emopia`` and
``vgmidi``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from luce.server.measures.music import quadrant
from luce.server.music.midi import read_midi
from luce.server.music.note_descriptors import describe_notes
from luce.server.music.notes import Notes
from training.evaluate.regression import regression_metrics
from training.midi_composer.folders import CACHE
from training.music_emotion.labels import emopia, vgmidi

#: Valence and arousal that a quadrant of EMOPIA stands for: about the mean of VGMIDI's pieces of that quadrant.
_VALENCE, _AROUSAL = 0.22, 0.25
#: An excerpt of each VGMIDI piece beside the whole of it.
_EXCERPT_S = 30.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Descriptors of pieces with what they should feel like.

    Attributes:
        rows: (N, 37) descriptors of whole pieces.
        emotion: (N, 2) valence and arousal.
        groups: (N,) songs.
    """

    rows: Floats
    emotion: Floats
    groups: npt.NDArray[np.str_]


def describe(notes: Notes) -> Floats:
    """(37,) the descriptors of a whole piece."""
    seconds = float(notes.offset_s.max())
    found: Floats = describe_notes(notes, np.zeros(1), seconds, seconds=seconds, written=True)[0].astype(np.float64)
    return found


def clips(data: Path) -> Heard:
    """EMOPIA; the clips of one song are one group."""
    rows, emotion, groups = [], [], []
    for path, number in emopia(data):
        rows.append(describe(read_midi(path.read_bytes()).notes))
        emotion.append([_VALENCE if number in (1, 4) else -_VALENCE, _AROUSAL if number in (1, 2) else -_AROUSAL])
        groups.append(path.stem[3:].rsplit("_", 1)[0])
    return Heard(np.array(rows), np.array(emotion), np.array(groups))


def games(data: Path, *, held_out: bool) -> Heard:
    """VGMIDI's pieces of one side of its split, whole and as an excerpt."""
    rows, emotion, groups = [], [], []
    for piece in vgmidi(data):
        if piece.held_out == held_out:
            notes = read_midi(piece.file.read_bytes()).notes
            end = float(notes.offset_s.max())
            for part in {(0.0, end), (max(0.0, end / 2 - _EXCERPT_S / 2), min(end, end / 2 + _EXCERPT_S / 2))}:
                rows.append(describe(notes.between(*part)))
                emotion.append(piece.emotion.mean(axis=0))
                groups.append(piece.name)
    return Heard(np.array(rows), np.array(emotion, np.float64), np.array(groups))


class Judge:
    """Two support vector regressions."""

    def __init__(self) -> None:
        self._models: list[Pipeline] = [
            make_pipeline(StandardScaler(), SVR(C=0.3, epsilon=0.1, gamma=0.01)) for _ in range(2)
        ]

    def fit(self, parts: list[Heard]) -> Judge:
        """Learn; every source has the same weight."""
        rows = np.concatenate([part.rows for part in parts])
        weights = np.concatenate([np.full(len(part.rows), len(parts[0].rows) / len(part.rows)) for part in parts])
        for index, model in enumerate(self._models):
            target = np.concatenate([part.emotion[:, index] for part in parts])
            model.fit(rows, target, svr__sample_weight=weights)
        return self

    def __call__(self, rows: npt.ArrayLike) -> Floats:
        """(N, 37) descriptors to (N, 2) valence and arousal."""
        found: Floats = np.stack([model.predict(np.asarray(rows, np.float64)) for model in self._models], axis=1)
        return found


def right_quadrants(truth: Floats, judged: Floats) -> float:
    """Share of the rows whose signs of valence and arousal agree."""
    pairs = zip(truth, judged, strict=True)
    return float(np.mean([quadrant(*map(float, t)) == quadrant(*map(float, j)) for t, j in pairs]))


def trained(data: Path, cache: Path = CACHE) -> tuple[Judge, dict[str, Any]]:
    """The judge, and how far it can be trusted; descriptions are kept in `cache`."""
    path = cache / "judge.npz"
    if not path.exists():
        parts = {"emopia": clips(data), "held_out": games(data, held_out=True), "unseen": games(data, held_out=False)}
        columns: dict[str, Any] = {
            f"{name}_{column}": getattr(part, column)
            for name, part in parts.items()
            for column in ("rows", "emotion", "groups")
        }
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **columns)
    with np.load(path) as archive:
        emo, own, unseen = (
            Heard(*(archive[f"{name}_{column}"] for column in ("rows", "emotion", "groups")))
            for name in ("emopia", "held_out", "unseen")
        )
    judge = Judge().fit([emo, own])
    folds = np.zeros_like(emo.emotion)
    for train, test in GroupKFold(5).split(emo.rows, groups=emo.groups):
        part = Heard(emo.rows[train], emo.emotion[train], emo.groups[train])
        folds[test] = Judge().fit([part, own])(emo.rows[test])
    judged = judge(unseen.rows)
    check = {
        "emopia_quadrants_right": round(right_quadrants(emo.emotion, folds), 3),
        "emopia_valence_sign_right": round(float((np.sign(folds[:, 0]) == np.sign(emo.emotion[:, 0])).mean()), 3),
        "emopia_arousal_sign_right": round(float((np.sign(folds[:, 1]) == np.sign(emo.emotion[:, 1])).mean()), 3),
        "vgmidi_unseen_valence": regression_metrics(unseen.emotion[:, 0], judged[:, 0]).rounded(),
        "vgmidi_unseen_arousal": regression_metrics(unseen.emotion[:, 1], judged[:, 1]).rounded(),
    }
    return judge, check


def main() -> None:
    """Train and print the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps(trained(given.data)[1], indent=2))


if __name__ == "__main__":
    main()
