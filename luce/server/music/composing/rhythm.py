"""A drum part to a score, by rule: the composer writes pitched notes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from luce.server.music.composing.score import METRES, Score

_KICK, _SNARE, _CLOSED_HAT, _CRASH, _RIM = 36, 38, 42, 49, 37

#: By metre: positions of kick and snare.
_PATTERNS: Final = (((0, 8), (4, 12)), ((0,), (4, 8)), ((0,), (6,)))
#: Above this arousal the hat plays sixteenths' half, above the second one the kick has an offbeat too.
_LIVELY, _WILD, _CALM = -0.1, 0.5, -0.4


def drum_strokes(score: Score, arousal: float) -> Iterator[tuple[int, int, int]]:
    """(onset in sixteenths, pitch of the drum kit, how much louder than usual) of each stroke.

    Args:
        score: what it goes with; bars in which nothing begins stay silent.
        arousal: -1..1, how much is played.
    """
    metre = METRES[score.metre]
    kicks, snares = _PATTERNS[score.metre]
    busy = set(np.unique(score.onset // metre.positions).tolist())
    hat = 2 if arousal > _LIVELY else metre.beat
    snare = _RIM if arousal < _CALM else _SNARE
    for bar in range(score.bars):
        if bar not in busy:
            continue
        start = bar * metre.positions
        if bar == score.bars - 1:
            yield start, _KICK, 4
            continue
        if bar % 8 == 0 and arousal > 0:
            yield start, _CRASH, 0
        for place in range(0, metre.positions, hat):
            yield start + place, _CLOSED_HAT, -18 if place % metre.beat else -8
        for place in kicks:
            yield start + place, _KICK, 4
        if arousal > _WILD:
            yield start + metre.positions - 6, _KICK, -6
        for place in snares:
            yield start + place, snare, 0
