"""From rows to MESA-MIG's Table 1, and to what must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.stats

from luce.emotion import Emotion
from luce.server import measures
from luce.server.measures import Look
from luce.server.measures.vectors import CLIP_SCORE_WEIGHT
from luce.server.vocabulary import vocabulary
from training.evaluate.paint_run import BEST, CONDITIONS, Row

Floats = npt.NDArray[np.float64]

_MEASURES: Final = ("aesthetic", "va", "distinct1", "distinct2", "retention", "entropy", "sem")
PUBLISHED: Final[dict[str, dict[str, float]]] = {
    name: dict(zip(_MEASURES, figures, strict=True))
    for name, figures in {
        "w/o verb": (6.24, 0.882, 0.686, 0.912, 0.985, 1.836, 0.687),
        "w/o composition": (6.20, 0.884, 0.761, 0.930, 0.995, 1.834, 0.713),
        "w/o colour": (6.42, 0.875, 0.793, 0.920, 0.995, 1.810, 0.708),
        "w/o style": (6.41, 0.878, 0.815, 0.944, 0.996, 1.672, 0.681),
        "full": (6.47, 0.902, 0.816, 0.971, 0.998, 1.918, 0.717),
    }.items()
}
"""MESA-MIG, Table 1. Its pictures, prompts and encoders are others: for orientation, not for a contest."""

COLUMNS: Final = {
    "aesthetic": "Aesthetic",
    "va": "VA sim",
    "va_cosine": "VA cos",
    "distinct1": "Dist-1",
    "distinct2": "Dist-2",
    "retention": "Jacc B",
    "jaccard": "Jacc A",
    "entropy": "H(scene)",
    "style_entropy": "H(style)",
    "sem": "Sem",
    "clip_score": "CLIP",
    "copied": "Copied",
}
GOVERNED: Final = {
    "w/o verb": "distinct1",
    "w/o composition": "distinct2",
    "w/o colour": "va",
    "w/o style": "style_entropy",
}
"""The measure that each agent governs, where its absence must show (MESA-MIG §4.4)."""

_DRAWS: Final = 2000
PAIRS: Final = 20
"""Pairs of songs of opposite quadrants whose pictures are compared."""


def per_clip(row: Row) -> dict[str, float]:
    """The measures of one clip under one condition; those of the picture are missing where none was painted."""
    prompts = row.prompts
    words = [" ".join(attributes.values()).split() for attributes in row.attributes]
    found = {
        "distinct1": measures.distinct(prompts, 1),
        "distinct2": measures.distinct(prompts, 2),
        "jaccard": _mean(measures.jaccard(prompt, row.caption) for prompt in prompts),
        "copied": _mean(measures.copy_rate(prompt, row.caption) for prompt in prompts),
        "sem": _mean(row.sem_scores),
        "overlap": max((_shared(a, b) for a, b in combinations(prompts, 2)), default=0.0),
    }
    if any(words):
        found["retention"] = _mean(map(measures.retention, prompts, words))
    if row.picture is not None:
        seen, heard = np.array([row.picture["valence"], row.picture["arousal"]]), np.array(row.heard)
        found["va"] = float(measures.va_similarity(seen, heard))
        found["va_cosine"] = float(measures.va_cosine(seen, heard))
        if "aesthetic" in row.picture:
            found["aesthetic"] = row.picture["aesthetic"]
        found["clip_score"] = CLIP_SCORE_WEIGHT * max(0.0, row.picture["text_similarity"])
    return found


def _shared(one: str, other: str) -> float:
    """Share of content words that two prompts have in common, of the prompt that has fewer."""
    a, b = measures.content_words(one), measures.content_words(other)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def entropy(rows: Sequence[Row], kind: str) -> float:
    """Category entropy of all prompts of all clips, nats. Prompts without such a category (baselines) do not count."""
    return measures.category_entropy(names[kind] for row in rows for names in row.vocabulary if kind in names)


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """One line of the table: means over the clips, entropies over all of them."""
    each = [per_clip(row) for row in rows]
    names = {name for found in each for name in found}
    means = {name: _mean(found[name] for found in each if name in found) for name in names}
    for name, kind in (("entropy", "scene"), ("style_entropy", "style")):
        if any(kind in names for row in rows for names in row.vocabulary):
            means[name] = entropy(rows, kind)
    means["corpus_distinct1"] = measures.distinct((prompt for row in rows for prompt in row.prompts), 1)
    means["pictures"] = float(sum(row.picture is not None for row in rows))
    return means


@dataclass(frozen=True)
class Check:
    """Something that must hold.

    Attributes:
        name: what.
        value: what was measured.
        bar: what is needed.
        holds: whether it does.
    """

    name: str
    value: str
    bar: str
    holds: bool


def checks(rows: Sequence[Row]) -> list[Check]:
    """The bars of the issue, as far as there are rows for them."""
    by = {name: [row for row in rows if row.condition == name] for name in (*CONDITIONS, BEST)}
    full = summary(by["full"])
    worst = max(per_clip(row)["overlap"] for row in by["full"])
    found = [
        _at_least("Distinct-1 of the k prompts", full["distinct1"], 0.80),
        _at_least("Distinct-2 of the k prompts", full["distinct2"], 0.95),
        _at_least("category entropy of scenes, nats", full["entropy"], 2.0),
        _at_most("content words that two prompts share, worst pair of any clip", worst, 0.60),
    ]
    for name in ("full", BEST):
        if by[name] and "va" in (line := summary(by[name])):
            found.append(_at_least(f"VA similarity, {name}, {line['pictures']:.0f} pictures", line["va"], 0.92))
            found += _less(by["caption-only"], by[name], "va", f"caption-only against {name}")
    for name, measure in GOVERNED.items():
        if measure == "style_entropy":
            found.append(_less_entropy(by[name], by["full"], "style", f"{name} against full"))
        else:
            found += _less(by[name], by["full"], measure, f"{name} against full")
    for heard in (True, False):
        found += opposites(by["full"], heard=heard)
    return found


def _at_least(name: str, value: float, bar: float) -> Check:
    return Check(name, f"{value:.3f}", f">= {bar:g}", value >= bar)


def _at_most(name: str, value: float, bar: float) -> Check:
    return Check(name, f"{value:.3f}", f"<= {bar:g}", value <= bar)


def _less(ours: Sequence[Row], others: Sequence[Row], measure: str, name: str) -> list[Check]:
    """Whether a measure is less on the same clips: Wilcoxon's signed ranks, one-sided."""
    theirs = {row.clip: per_clip(row) for row in others}
    pairs = [(per_clip(row)[measure], theirs[row.clip][measure]) for row in ours if _both(row, theirs, measure)]
    if len(pairs) < 6 or all(a == b for a, b in pairs):
        return []
    a, b = np.array(pairs).T
    p = float(scipy.stats.wilcoxon(a, b, alternative="less").pvalue)
    value = f"{a.mean():.3f} < {b.mean():.3f}, p {p:.1e}, n {len(pairs)}"
    return [Check(f"{COLUMNS[measure]}: {name}", value, "p < .05", p < 0.05)]


def _both(row: Row, theirs: dict[str, dict[str, float]], measure: str) -> bool:
    return measure in per_clip(row) and measure in theirs.get(row.clip, {})


def _less_entropy(ours: Sequence[Row], others: Sequence[Row], kind: str, name: str) -> Check:
    """Whether an entropy over all clips is less: share of bootstrap draws of clips in which it is."""
    clips = sorted({row.clip for row in ours} & {row.clip for row in others})
    sides = [{row.clip: row for row in side} for side in (ours, others)]
    rng = np.random.default_rng(0)
    less = 0
    for _ in range(_DRAWS):
        drawn = rng.integers(0, len(clips), len(clips))
        a, b = (entropy([side[clips[place]] for place in drawn], kind) for side in sides)
        less += a < b
    a, b = (entropy(side, kind) for side in (ours, others))
    # At best one in as many draws as there are.
    p = max(1.0 - less / _DRAWS, 1.0 / _DRAWS)
    value = f"{a:.3f} < {b:.3f}, bootstrap p {p:.1e}, n {len(clips)}"
    return Check(f"H({kind}): {name}", value, "p < .05", p < 0.05)


def opposites(rows: Sequence[Row], *, heard: bool, count: int = PAIRS) -> list[Check]:
    """The check a person can redo: pairs of clips of opposite quadrants, and their pictures.

    Pairs of Q1 and Q3, and of Q4 and Q2, the farthest apart first, each clip once. Who is more pleasant should have the
    warmer and the brighter picture, who is more excited the stronger word of motion. Told apart by what people say, so
    that errors of the ear count too, and by what the system heard, around the mean of the clips: the painting alone.
    """
    known = [row for row in rows if row.truth is not None and row.picture is not None]
    if not known:
        return []
    points = np.array([row.heard if heard else row.truth for row in known], np.float64)
    if heard:
        points -= points.mean(axis=0)
    felt = [Emotion(*np.clip(point, -1.0, 1.0)) for point in points]
    chosen = opposite_pairs(felt, count)
    if len(chosen) < count:
        return []
    who = f"{count} pairs of opposite quadrants, as {'heard' if heard else 'people say'}"
    found = []
    for measure in ("warmth", "brightness"):
        right = _mean(_picture(known[a], measure) > _picture(known[b], measure) for a, b in chosen)
        found.append(_at_least(f"{measure} follows valence, {who}", right, 0.90))
    right = _mean((_motion(known[a]) > _motion(known[b])) == (felt[a].arousal > felt[b].arousal) for a, b in chosen)
    found.append(_at_least(f"words of motion follow arousal, {who}", right, 0.90))
    return found


_OPPOSITE: Final = ({"Q1", "Q3"}, {"Q2", "Q4"})


def opposite_pairs(felt: Sequence[Emotion], count: int = PAIRS) -> list[tuple[int, int]]:
    """Places of at most so many pairs of opposite quadrants, the farthest apart first, each place once.

    The more pleasant one of a pair stands first.
    """
    pairs = sorted(
        (pair for pair in combinations(range(len(felt)), 2) if {felt[at].quadrant for at in pair} in _OPPOSITE),
        key=lambda pair: -felt[pair[0]].distance(felt[pair[1]]),
    )
    used: set[int] = set()
    chosen: list[tuple[int, int]] = []
    for pair in pairs:
        if len(chosen) < count and not used & {*pair}:
            used |= {*pair}
            chosen.append(pair if felt[pair[0]].valence > felt[pair[1]].valence else (pair[1], pair[0]))
    return chosen


def _picture(row: Row, measure: str) -> float:
    return (row.picture or {})[measure]


def _motion(row: Row) -> float:
    """Arousal of the word of motion of the first prompt."""
    name = row.vocabulary[0].get("motion")
    return vocabulary().entry("motion", name).arousal if name else 0.0


def expressiveness(rows: Sequence[Row]) -> float | None:
    """BES of MusePainter over the pictures, with the arousal heard as the music's energy; None without pictures."""
    painted = [row for row in rows if row.picture is not None]
    if len(painted) < 2:
        return None
    looks = [Look(**{field: _picture(row, field) for field in Look.__dataclass_fields__}) for row in painted]
    return measures.bes([row.heard[1] for row in painted], looks)


def table(rows: Sequence[Row], line: Callable[[str], Any] = print) -> None:
    """Tell Table 1, the published one under it, and every check."""
    names = [name for name in (*CONDITIONS, BEST) if any(row.condition == name for row in rows)]
    clips = len({row.clip for row in rows})
    line(f"MESA-MIG, Table 1: {clips} clips, k = {len(rows[0].prompts)} prompts each, measures {measures.VERSION}")
    line("")
    line("| | " + " | ".join(COLUMNS.values()) + " | pictures |")
    line("|---" * (len(COLUMNS) + 2) + "|")
    for name in names:
        found = summary([row for row in rows if row.condition == name])
        line(_line(name, found, f"{found['pictures']:.0f}"))
    for name, published in PUBLISHED.items():
        line(_line(f"published: {name}", published, "–"))
    line("")
    energy = expressiveness([row for row in rows if row.condition == "full"])
    if energy is not None:
        line(f"BES (MusePainter, our definition {measures.VERSION}; published .36 at best): {energy:.2f}")
        line("")
    for check in checks(rows):
        line(f"{'holds' if check.holds else 'FAILS'}: {check.name}: {check.value} ({check.bar})")


def _line(name: str, found: dict[str, float], pictures: str) -> str:
    cells = [f"{found[key]:.3f}" if key in found else "–" for key in COLUMNS]
    return f"| {name} | " + " | ".join(cells) + f" | {pictures} |"
