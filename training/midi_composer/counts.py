"""Counts of what follows each feature, which the composer starts from.

A product of experts (Hinton, 1999): log p(next) = log p(next | kind) + sum over features of a weight times
log p(next | kind, feature) / p(next | kind), where the kind is that of the last token. The table is counted, once; only
the weights, one for each kind and feature, are learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from luce.server.music.composing.tokens import END, VOCABULARY_SIZE
from training.midi_composer.context import COUNT, FACTS, KINDS, ROWS, facts, features, kinds, rows

#: Tokens counted at most, and how many uncounted ones a row is smoothed with.
MOST_TOKENS, _PRIOR = 3_000_000, 8.0

Floats = npt.NDArray[np.float32]


def places(known: npt.NDArray[np.int64], asked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(T, COUNT) features and (facts,) facts of a piece, to (T, COUNT + facts) rows of the table."""
    kind = kinds()[known[:, 0]]
    values = np.concatenate([known, np.broadcast_to(asked, (len(known), len(asked)))], axis=1)
    columns = []
    for column, part in zip(values.T, rows(), strict=True):
        inside = (column >= part.low) & (column < part.low + part.size - 1)
        columns.append(part.first + kind * part.size + np.where(inside, column - part.low + 1, 0))
    return np.stack(columns, axis=1)


def count(sequences: Sequence[npt.NDArray[np.integer]], controls: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """The table (ROWS, V) and what follows each kind (KINDS, V), both logarithms."""
    totals = np.zeros((ROWS, VOCABULARY_SIZE), np.float64)
    common = np.zeros((KINDS, VOCABULARY_SIZE), np.float64)
    asked = facts(torch.from_numpy(controls)).numpy()
    seen = 0
    for index in np.random.default_rng(seed).permutation(len(sequences)):
        sequence = sequences[index].astype(np.int64)
        known = features(sequence)[1:]
        following = np.append(sequence[2:], END)
        np.add.at(totals, (places(known, asked[index]), following[:, None]), 1)
        np.add.at(common, (kinds()[known[:, 0]], following), 1)
        seen += len(sequence)
        if seen > MOST_TOKENS:
            break
    base = (common + 0.1) / (common + 0.1).sum(axis=1, keepdims=True)
    kind = np.concatenate([np.repeat(np.arange(KINDS), part.size) for part in rows()])
    shares = (totals + _PRIOR * base[kind]) / (totals.sum(axis=1, keepdims=True) + _PRIOR)
    table = np.log(shares / base[kind])
    # A fact that is not asked tells nothing.
    for part in rows()[COUNT:]:
        table[part.first : part.first + part.size * KINDS : part.size] = 0
    return table.astype(np.float32), np.log(base).astype(np.float32)


def load(path: Path, sequences: Sequence[npt.NDArray[np.integer]], controls: Floats) -> tuple[Floats, Floats]:
    """The counts in a file, made where there is none."""
    if not path.exists():
        table, base = count(sequences, controls)
        fresh = path.with_suffix(".new.npz")
        np.savez_compressed(fresh, table=table.astype(np.float16), base=base)
        fresh.rename(path)
    with np.load(path) as archive:
        return archive["table"].astype(np.float32), archive["base"]


def first_weights() -> Floats:
    """(KINDS, COUNT + facts) about what they become."""
    found = np.full((KINDS, COUNT + len(FACTS)), 0.3, np.float32)
    found[:, 0] = 0.65
    return found
