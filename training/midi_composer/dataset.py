"""The training music as tokens, with the controls and the emotion of each excerpt.

Run ``python -m training.midi_composer.dataset --data FOLDER``, where FOLDER holds ``pop909``, ``vgmidi``,
``nottingham`` and ``midi_classical``. It writes one archive for each source.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.controls import CONTROL_SIZE, Controls, measure
from luce.server.music.composing.reading import Stretch, key_of
from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import CONTEXT, MOST_BARS, encode
from training.midi_composer.emotion import NoteEmotion
from training.midi_composer.folders import CACHE
from training.midi_composer.pieces import SOURCES, Piece
from training.music_emotion.labels import fraction

#: Tokens that an excerpt may have, one of these at random, and the fewest bars.
_TARGETS, _LEAST_BARS = (250, 400, 500, 700, 1000), 4
#: Excerpts out of these bounds are left out: quarter notes a minute, notes a quarter note, key clarity.
_TEMPO, _NOTES, _CLARITY = (36.0, 230.0), (0.5, 14.0), 0.55


@dataclass(frozen=True)
class Excerpt:
    """Some bars of a piece, in C major or A minor."""

    tokens: list[int]
    controls: Controls
    emotion: npt.NDArray[np.float32]
    bpm: float
    metre: int
    shift: int


def excerpts(piece: Piece, judge: NoteEmotion) -> Iterator[Excerpt]:
    """Cut a piece into excerpts of whole bars."""
    random = np.random.default_rng(int(fraction(piece.name, "cut") * 2**32))
    for index, part in enumerate(piece.parts):
        first = int(part.score.onset.min()) // METRES[part.score.metre].positions
        opening = index == 0
        while part.score.bars - first >= _LEAST_BARS:
            last = _fit(part.score, first, int(random.choice(_TARGETS)))
            found = _excerpt(part, first, last, piece.style, judge)
            if found is not None:
                ends = part.last and last == part.score.bars
                controls = replace(found.controls, opening=float(opening), ending=float(ends))
                yield replace(found, controls=controls)
            first, opening = last, False


def _fit(score: Score, first: int, target: int) -> int:
    """The bar before which an excerpt of about as many tokens ends; it never leaves a few last bars over."""
    size = METRES[score.metre].positions
    last = first + _LEAST_BARS
    # Two and a half tokens a note, and one a bar.
    counts = np.bincount(score.onset // size, minlength=score.bars + MOST_BARS)
    used = 2.5 * counts[first:last].sum() + _LEAST_BARS
    while last < score.bars and last - first < MOST_BARS and used + 2.5 * counts[last] + 1 <= target:
        used += 2.5 * counts[last] + 1
        last += 1
    return last


def _excerpt(part: Stretch, first: int, last: int, style: str, judge: NoteEmotion) -> Excerpt | None:
    score = part.score.between(first, last)
    if not _TEMPO[0] <= part.bpm <= _TEMPO[1] or not score.count:
        return None
    if not _NOTES[0] <= score.count / (score.bars * METRES[score.metre].quarters) <= _NOTES[1]:
        return None
    key = key_of(score)
    score = score.transposed(key.shift)
    tokens = encode(score)
    if key.clarity < _CLARITY or len(tokens) >= CONTEXT - 1:
        return None
    controls = replace(measure(score, key, part.bpm), style=style)
    return Excerpt(tokens, controls, judge(score, part.bpm), part.bpm, score.metre, key.shift)


def build(source: str, data: Path, folder: Path) -> None:
    """Write the archive of one source, unless it is there."""
    path = folder / f"{source}.npz"
    if path.exists():
        return
    judge = NoteEmotion()
    found: list[Excerpt] = []
    held_out: list[bool] = []
    for piece in SOURCES[source](data):
        made = list(excerpts(piece, judge))
        found.extend(made)
        held_out.extend([piece.held_out] * len(made))
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new.npz")
    np.savez_compressed(
        fresh,
        tokens=np.concatenate([np.array(excerpt.tokens, np.int16) for excerpt in found]),
        sizes=np.array([len(excerpt.tokens) for excerpt in found], np.int32),
        controls=np.array([excerpt.controls.vector() for excerpt in found], np.float16).reshape(-1, CONTROL_SIZE),
        emotion=np.array([excerpt.emotion for excerpt in found], np.float32),
        bpm=np.array([excerpt.bpm for excerpt in found], np.float32),
        metre=np.array([excerpt.metre for excerpt in found], np.int8),
        shift=np.array([excerpt.shift for excerpt in found], np.int8),
        held_out=np.array(held_out),
    )
    fresh.rename(path)
    total = sum(len(excerpt.tokens) for excerpt in found)
    print(f"{source}: {len(found)} excerpts, {total} tokens", flush=True)


def main() -> None:
    """Build what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=CACHE)
    parser.add_argument("--sources", nargs="+", choices=sorted(SOURCES), default=list(SOURCES))
    given = parser.parse_args()
    for source in given.sources:
        build(source, given.data, given.folder)


if __name__ == "__main__":
    main()
