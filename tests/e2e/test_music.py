"""From a picture, a video and a story to music, on the whole stack, as a user asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from luce.server.media import encode_png
from luce.server.music.midi import read_midi
from tests.fixtures.stack import RunningStack
from tests.fixtures.videos import GLOOMY, SUNNY, video

pytestmark = pytest.mark.timeout(300)


def luce(stack: RunningStack, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "luce.cli.main", *arguments]
    return subprocess.run(command, env=stack.environment, cwd=folder, capture_output=True, text=True, timeout=240)


def seconds_of(path: Path) -> float:
    with av.open(str(path), "r") as container:
        assert container.duration is not None
        return container.duration / av.time_base


def test_a_picture_is_scored_and_explained(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encode_png(np.full((60, 80, 3), (240, 180, 90), np.uint8)))
    options = ["--seconds", "8", "--candidates", "2", "--seed", "7", "--explain"]
    done = luce(stack, tmp_path, "score", "photo.png", "-o", "m.wav", "--midi", "m.mid", "--roll", "m.png", *options)
    assert done.returncode == 0, done.stderr
    for stage in ("seen:", "music:", "composed:", "obtained:"):
        assert stage in done.stdout
    assert read_midi((tmp_path / "m.mid").read_bytes()).seconds == pytest.approx(8, abs=0.2)
    assert seconds_of(tmp_path / "m.wav") == pytest.approx(8, abs=0.05)


def test_a_video_gets_its_music(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(video((SUNNY, 5.5), (GLOOMY, 5.5)))
    done = luce(stack, tmp_path, "score", "clip.mp4", "--mux", "scored.mp4", "--accents", "--candidates", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [shot["start_s"] for shot in told["shots"]] == pytest.approx([0, 5.5], abs=0.1)
    with av.open(str(tmp_path / "scored.mp4"), "r") as container:
        assert len(container.streams.audio) == len(container.streams.video) == 1
    assert seconds_of(tmp_path / "scored.mp4") == pytest.approx(11, abs=0.2)


def test_the_same_story_and_seed_are_the_same_files(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("The harbour slept under snow.", encoding="utf-8")
    for name in ("a", "b"):
        options = ["--audio", f"{name}.ogg", "--seconds", "6", "--seed", "3", "--candidates", "2", "--quiet"]
        done = luce(stack, tmp_path, "compose", "story.txt", "-o", f"{name}.mid", *options)
        assert done.returncode == 0, done.stderr
    for suffix in ("mid", "ogg"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_what_cannot_be_read_is_told_at_once(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(video((SUNNY, 2.0))[:2000])
    for arguments, words in (
        (["compose", "😀😀"], "no words"),
        (["compose", "sea", "--instruments", "theremin of doom"], "instruments"),
        (["score", "cut.mp4"], "cut short"),
    ):
        done = luce(stack, tmp_path, *arguments)
        assert done.returncode == 4, done.stderr
        assert words in done.stderr
