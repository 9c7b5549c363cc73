"""Stretches of real music: excerpts joined where a piece goes on, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from luce.server.music.composing.controls import Controls
from luce.server.music.composing.score import MELODY, Score
from luce.server.music.composing.tokens import encode
from training.midi_composer.stretches import stretches


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two pieces of two excerpts each, four bars of two seconds an excerpt; the second piece is held out."""
    sequences = []
    for number in range(4):
        pitches = [60 + number, 72] * 4
        score = Score.sorted(0, 4, onset=np.arange(8) * 8, length=[8] * 8, pitch=pitches, role=[MELODY] * 8)
        sequences.append(encode(score))
    path = tmp_path / "pop.npz"
    np.savez(
        path,
        tokens=np.concatenate([np.array(tokens, np.int16) for tokens in sequences]),
        sizes=np.array([len(tokens) for tokens in sequences]),
        controls=np.stack([Controls(opening=float(number % 2 == 0)).vector() for number in range(4)]),
        bpm=np.full(4, 120.0, np.float32),
        metre=np.zeros(4, np.int8),
        shift=np.zeros(4, np.int8),
        held_out=np.array([False, False, True, True]),
    )
    return path


def test_a_stretch_goes_on_within_its_piece_alone(archive: Path) -> None:
    found = list(stretches(archive, 12.0, np.random.default_rng(0)))
    assert [(one.seconds, one.bar_s) for one in found] == [(12, 2)] * 2
    low = {int(one.notes.pitch.min()) for one in found}
    assert len(low) == 2
    assert not list(stretches(archive, 20.0, np.random.default_rng(0)))


def test_one_side_of_the_split_is_read_alone(archive: Path) -> None:
    learned = list(stretches(archive, 8.0, np.random.default_rng(0), held_out=False))
    assert len(learned) == 2
    assert all(one.form[1] == pytest.approx(1) for one in learned)
    assert all(one.form[2] > 0.9 for one in learned)
