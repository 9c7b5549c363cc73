"""The annotations of the tempo and key evaluation are read rightly, and keys scored as MIREX does."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.evaluate.performances import Truth, key_score, parse_key, pop_truth


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C:maj", (0, "major")),
        ("Gb:maj", (6, "major")),
        ("B:min", (11, "minor")),
        ("Cb:maj", (11, "major")),
        ("F#:min", (6, "minor")),
        ("F#m", (6, "minor")),
        ("Bb", (10, "major")),
    ],
)
def test_a_key_annotation_is_parsed(text: str, expected: tuple[int, str]) -> None:
    assert parse_key(text) == expected


@pytest.mark.parametrize(
    ("tonic", "mode", "score"),
    [
        (0, "major", 1.0),
        (7, "major", 0.5),
        (5, "major", 0.5),
        (9, "minor", 0.3),
        (0, "minor", 0.2),
        (1, "major", 0.0),
        (None, None, 0.0),
    ],
)
def test_keys_near_c_major_score_as_in_mirex(tonic: int | None, mode: str | None, score: float) -> None:
    assert key_score(tonic, mode, Truth("song", 100, 0, "major", "4/4")) == score


def test_the_relative_major_of_a_minor_key_scores_as_relative() -> None:
    assert key_score(0, "major", Truth("song", 100, 9, "minor", "4/4")) == 0.3


def test_the_truth_of_an_excerpt_is_its_beat_interval_and_current_key(tmp_path: Path) -> None:
    (tmp_path / "beat_midi.txt").write_text("".join(f"{beat * 0.6} 1.0 0.0\n" for beat in range(120)))
    (tmp_path / "key_audio.txt").write_text("0.0\t15.0\tC:maj\n15.0\t90.0\tA:min\n")
    truth = pop_truth(tmp_path)
    assert truth.bpm == pytest.approx(100)
    assert (truth.tonic, truth.mode) == (9, "minor")
