from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from luce.emotion import Emotion
from luce.server.media.audio import decode
from training.evaluate import paint_table
from training.evaluate.paint_clips import SECONDS, songs
from training.evaluate.paint_run import BEST, CONDITIONS, Row, Rows

ROOT = Path(__file__).parents[3]
LOOK = {"brightness": 0.5, "warmth": 0.0, "value": 0.5, "saturation": 0.5, "contrast": 0.2}


def row(
    clip: int,
    condition: str = "full",
    *,
    prompts: tuple[str, ...] = ("misty sea at dawn", "golden field, tall grass"),
    style: str = "oil",
    motion: str = "drifting",
    truth: tuple[float, float] | None = None,
    heard: tuple[float, float] = (0.2, 0.1),
    felt: tuple[float, float] | None = (0.2, 0.1),
    **look: float,
) -> Row:
    picture = None
    if felt is not None:
        picture = {"valence": felt[0], "arousal": felt[1], "text_similarity": 0.2, **LOOK, **look}
    names = {"scene": "sea", "style": style, "motion": motion}
    return Row(
        clip=f"clip {clip}",
        condition=condition,
        truth=None if truth is None else list(truth),
        heard=list(heard),
        caption="a slow piano piece by the sea",
        prompts=list(prompts),
        attributes=[{"scene": "sea", "light": "golden light"}] * len(prompts),
        vocabulary=[names] * len(prompts),
        sem_scores=[0.7] * len(prompts),
        picture=picture,
    )


def test_a_clip_is_measured_by_its_prompts_and_its_picture() -> None:
    found = paint_table.per_clip(row(0, felt=(0.2, 0.6)))
    assert found["distinct1"] == 1.0
    # Of sea, golden and light the first prompt keeps one, the second one.
    assert found["retention"] == pytest.approx(1 / 3)
    # misty sea dawn against slow piano piece sea: 1 of 6; the other shares none.
    assert found["jaccard"] == pytest.approx(1 / 12)
    assert found["va"] == pytest.approx(1 - 0.5 / 8**0.5)
    assert found["clip_score"] == pytest.approx(0.5)
    assert found["overlap"] == 0.0


def test_a_line_of_the_table_is_the_mean_over_clips_and_the_entropy_over_all_of_them() -> None:
    rows = [row(0, style="oil", felt=None), row(1, style="ink", felt=(0.2, 0.1))]
    line = paint_table.summary(rows)
    assert line["va"] == pytest.approx(1.0)
    assert line["pictures"] == 1
    assert line["style_entropy"] == pytest.approx(0.6931, abs=1e-4)
    assert line["entropy"] == 0.0
    assert line["corpus_distinct1"] == pytest.approx(line["distinct1"] / 2)


def test_an_agent_that_is_missed_shows_and_one_that_is_not_does_not() -> None:
    poor = ("sea sea sea", "sea sea")
    rows = [row(clip) for clip in range(12)]
    rows += [row(clip, "w/o verb", prompts=poor) for clip in range(12)]
    rows += [row(clip, "w/o composition") for clip in range(12)]
    rows += [row(clip, "w/o colour", felt=(0.2, 0.1 - 0.01 * (clip + 1))) for clip in range(12)]
    rows += [row(clip, "w/o style") for clip in range(12)]
    rows += [row(clip, "caption-only", felt=(-0.5, 0.1 + 0.01 * clip)) for clip in range(12)]
    told = {check.name: check.holds for check in paint_table.checks(rows)}
    assert told["Dist-1: w/o verb against full"]
    assert told["VA sim: w/o colour against full"]
    assert told["VA sim: caption-only against full"]
    assert "Dist-2: w/o composition against full" not in told, "nothing differs: there is nothing to test"
    assert not told["H(style): w/o style against full"]
    assert told["VA similarity, full, 12 pictures"]
    assert not told["category entropy of scenes, nats"]


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_opposite_quadrants_are_compared_by_what_people_say_or_by_what_was_heard(right: bool, heard: bool) -> None:
    rows = []
    for clip in range(20):
        bright = {"warmth": 0.3, "brightness": 0.8, "motion": "surging"}
        dark = {"warmth": -0.2, "brightness": 0.2, "motion": "resting"}
        far = 0.3 + clip / 100
        first, second = (bright, dark) if right else (dark, bright)
        for number, sign, look in ((2 * clip, 1, first), (2 * clip + 1, -1, second)):
            told = (sign * far, sign * far)
            # What people say is the opposite of what is heard: each must be read where it is asked for.
            other = (-sign * far, -sign * far)
            rows.append(row(number, truth=other if heard else told, heard=told if heard else other, **look))  # type: ignore[arg-type]
    found = paint_table.opposites(rows, heard=heard)
    assert [check.holds for check in found] == [right] * 3
    assert paint_table.opposites(rows[:30], heard=heard) == []


def test_rows_are_found_again_and_newer_ones_count(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "rows.jsonl"
    rows = Rows(path)
    rows.add(row(0, felt=None))
    rows.add(row(0))
    again = Rows(path)
    assert list(again) == [row(0)]
    assert again.get("clip 0", BEST) is None


def test_the_published_table_is_told_beside_ours() -> None:
    lines: list[str] = []
    paint_table.table([row(clip, condition) for clip in range(2) for condition in (*CONDITIONS, BEST)], lines.append)
    assert sum(line.startswith("| published") for line in lines) == 5
    ours = next(line for line in lines if line.startswith("| full |"))
    assert ours.split(" | ")[1] == "–", "nobody measured beauty"
    assert any(line.startswith("BES") for line in lines)


def test_pairs_of_opposite_quadrants_have_each_song_once_and_the_farthest_first() -> None:
    felt = [Emotion(*point) for point in ((0.1, 0.1), (-0.6, -0.6), (0.5, 0.5), (-0.1, -0.1), (-0.2, 0.3), (0.3, 0.3))]
    pairs = paint_table.opposite_pairs(felt)
    assert pairs == [(2, 1), (5, 3)]
    # Those that are left over change nothing.
    chosen = [felt[place] for pair in pairs for place in pair]
    assert [tuple(chosen[at] for at in pair) for pair in paint_table.opposite_pairs(chosen)] == [
        tuple(felt[at] for at in pair) for pair in pairs
    ]


def test_the_songs_of_the_examples_are_cut_to_ten_seconds() -> None:
    (clip,) = songs(1)
    assert decode(clip.audio).duration_s == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_table_is_printed_without_data(tmp_path: Path) -> None:
    arguments = ["--clips", "1", "--steps", "1", "--paint", "full,caption-only", "--rows", str(tmp_path / "rows.jsonl")]
    done = subprocess.run(
        [sys.executable, "-m", "training.evaluate.paint", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=590,
    )
    assert done.returncode == 0, done.stderr
    assert "| w/o verb |" in done.stdout
    told = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["condition"] for row in told} == set(CONDITIONS)
    assert [row["condition"] for row in told if row["picture"]] == ["full", "caption-only"]
