"""Stretches of real music of any length, out of the archives of excerpts, as the server plays what it composes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.server.measures.music import form
from luce.server.music.composing.controls import slot
from luce.server.music.composing.orchestra import chosen_orchestra
from luce.server.music.composing.performance import Manner, heard, perform
from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import decode
from luce.server.music.notes import Notes


@dataclass(frozen=True)
class Stretch:
    """Some bars of a real piece.

    Attributes:
        notes: as they are played, neither loudly nor softly, by players drawn as for composed music.
        seconds: length.
        bar_s: of a bar.
    """

    notes: Notes
    seconds: float
    bar_s: float

    @property
    def form(self) -> tuple[float, float, float]:
        """Pitch-class entropy, note density, self-similarity."""
        return form(self.notes, self.seconds, self.bar_s)


def stretches(
    archive: Path, seconds: float, random: np.random.Generator, *, held_out: bool | None = None
) -> Iterator[Stretch]:
    """Stretches of about `seconds`, to the bar, each begun with an excerpt at random, without end if there is one.

    Excerpts of a piece that follow one another are joined.

    Args:
        archive: of one source.
        seconds: length.
        random: which, and who plays.
        held_out: of one side of the split alone.
    """
    with np.load(archive) as opened:
        columns = {name: opened[name] for name in opened.files}
    rows = np.arange(len(columns["sizes"]))
    if held_out is not None:
        rows = rows[columns["held_out"] == held_out]
    for first in random.permutation(rows).tolist():
        score, bpm = _joined(columns, first, seconds)
        if score is not None:
            manner = Manner(bpm, 0, chosen_orchestra(0.0, 0.0, random))
            bar_s = METRES[score.metre].quarters * 60 / bpm
            yield Stretch(heard(perform(score, manner)), score.bars * bar_s, bar_s)


def _joined(columns: dict[str, npt.NDArray[Any]], first: int, seconds: float) -> tuple[Score | None, float]:
    """The bars from an excerpt on, in their own key, and quarter notes a minute; None where they end too early."""
    ends = np.cumsum(columns["sizes"])
    opens = columns["controls"][:, slot("opening")] > 0
    bpm, metre = float(columns["bpm"][first]), int(columns["metre"][first])
    wanted = max(1, round(seconds * bpm / 60 / METRES[metre].quarters))
    score: Score | None = None
    for row in range(first, len(ends)):
        if score is not None and (
            score.bars >= wanted or opens[row] or columns["metre"][row] != metre or columns["bpm"][row] != bpm
        ):
            break
        tokens = columns["tokens"][ends[row] - columns["sizes"][row] : ends[row]]
        part = decode(tokens).transposed(-int(columns["shift"][row]))
        score = part if score is None else score.followed_by(part)
    if score is None or score.bars < wanted or len(np.unique(score.between(0, wanted).onset)) < 2:
        return None, bpm
    return score.between(0, wanted), bpm
