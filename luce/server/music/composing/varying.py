"""Variations of a given piece: bar for bar, some as they are, the others written anew from what stands there.

A bar is varied by going on from it: the composer hears the last bar of the variation, then three times the bar that is
varied, and writes the next. What it learned of music is that what came again and again comes again, in rhythm, harmony
and line; so what it writes is what a piece might have made of the bar, in its place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.controls import STYLES, Controls
from luce.server.music.composing.given import Given
from luce.server.music.composing.orchestra import chosen_orchestra, orchestra_of
from luce.server.music.composing.performance import Manner
from luce.server.music.composing.planning import Plan, Section, Wish, check, controls_of, corpus, mean_emotion
from luce.server.music.composing.score import METRES, Score
from luce.server.music.limits import AskedKey, parse_key

_TO_MAJOR: Final = {3: 1, 8: 1, 10: 1}
_TO_MINOR: Final = {4: -1, 9: -1}
"""By how much a degree (semitones above the tonic) is altered; a leading note stays one."""
_MINOR_TONIC: Final = 9
"""Of A minor, in which scores stand as those of major keys stand in C."""


def vary(wish: Wish, theme: Given, seed: int, *, share: float, faithful: bool = True) -> Plan:
    """Decide which bars of a theme are written anew. The same arguments give the same plan.

    Args:
        wish: as for ``planning.plan``. Key, tempo and length are the theme's where they are left open; a key of the
            other mode alters the theme's third, sixth and seventh. A longer piece begins the theme again.
        theme: what is varied.
        seed: 0..2^64-1.
        share: of the bars that are written anew, above 0 and at most 1; where some are not, the first is kept.
        faithful: whether density, register and the like are the theme's; else they are drawn by the emotion.

    Raises:
        InvalidArgument: naming the field and its limit.
    """
    check(wish)
    random = np.random.default_rng(np.random.SeedSequence([seed & (2**64 - 1), 1]))
    key = parse_key(wish.key) if wish.key else AskedKey(theme.key.tonic, theme.key.minor)
    bpm = wish.tempo_bpm or theme.bpm
    score = in_mode(theme.score, was_minor=theme.key.minor, minor=key.minor)
    controls = _controls(wish, theme, bpm, key, random, faithful=faithful)
    ends = np.cumsum([moment.seconds for moment in wish.moments])
    bars = max(1, round(ends[-1] * bpm / 60 / METRES[score.metre].quarters))
    anew = _chosen(bars, share, random)
    sections = []
    for bar in range(bars):
        at = (bar + 0.5) / bars * ends[-1]
        moment = wish.moments[min(int(np.searchsorted(ends, at)), len(ends) - 1)]
        stands = score.between(bar % score.bars, bar % score.bars + 1)
        told = replace(controls, opening=float(bar == 0), ending=float(bar == bars - 1))
        felt = corpus().reachable(moment.valence, moment.arousal)
        # An empty bar says nothing that could be varied.
        sections.append(Section(1, *felt, told, stands=stands, written=bool(anew[bar]) and stands.count > 0))
    whole = mean_emotion(wish.moments)
    home = _MINOR_TONIC if key.minor else 0
    shift = (key.tonic - home + 6) % 12 - 6
    orchestra = orchestra_of(wish.instruments) if wish.instruments else chosen_orchestra(*whole, random)
    manner = Manner(bpm, shift, orchestra, whole[1], key.tonic, key.minor)
    return Plan(score.metre, manner, tuple(sections), wish.embedding)


def _controls(
    wish: Wish, theme: Given, bpm: float, key: AskedKey, random: np.random.Generator, *, faithful: bool
) -> Controls:
    pace = float(np.log2(bpm / 110))
    if faithful:
        mode = -1.0 if key.minor else 1.0
        same = key.minor == theme.key.minor
        return replace(theme.controls, tempo=pace, mode=mode, brightness=theme.controls.brightness if same else None)
    table = corpus()
    style = STYLES.index(wish.style) if wish.style else None
    asked = table.reachable(*mean_emotion(wish.moments))
    row = table.draw(asked, random, minor=key.minor, tempo=pace, metre=theme.score.metre, style=style)
    return controls_of(table, row, wish, bpm=bpm, minor=key.minor)


def _chosen(bars: int, share: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(bars,) which of them are written anew: one at least."""
    count = min(bars, max(1, round(share * bars)))
    found = np.zeros(bars, np.bool_)
    first = 0 if count == bars else 1
    found[first + random.permutation(bars - first)[:count]] = True
    return found


def in_mode(score: Score, *, was_minor: bool, minor: bool) -> Score:
    """A score of C major or A minor as one of the other mode on the same tonic, which is then moved to A or C."""
    if was_minor == minor:
        return score
    degree = (score.pitch - (_MINOR_TONIC if was_minor else 0)) % 12
    changes = _TO_MINOR if minor else _TO_MAJOR
    altered = score.pitch + np.array([changes.get(step, 0) for step in range(12)])[degree]
    return replace(score, pitch=altered + (-3 if minor else 3))


def likeness(score: Score, other: Score) -> float:
    """How like the bars of a score are to those of another at their places, 0..1: the mean cosine.

    A bar is a table of 12 pitch classes at its positions, as in ``measures.music.self_similarity``.
    """
    size = METRES[score.metre].positions
    bars = min(score.bars, other.bars)
    tables = []
    for one in (score.between(0, bars), other.between(0, bars)):
        table = np.zeros((bars, size, 12))
        table[one.onset // size, one.onset % size, one.pitch % 12] = 1
        flat = table.reshape(bars, -1)
        tables.append(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))
    return float((tables[0] * tables[1]).sum(axis=1).mean())
