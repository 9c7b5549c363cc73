"""From music to its description, through every real server."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import luce
from tests.fixtures.media import encode, happy_song
from tests.fixtures.midi import midi_song
from tests.fixtures.stack import RunningStack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def songs(tmp_path: Path, happy_ogg: bytes, sad_ogg: bytes) -> Path:
    """A folder with a happy song, a sad one, one in notes, and what is none."""
    (tmp_path / "happy.ogg").write_bytes(happy_ogg)
    (tmp_path / "sad.ogg").write_bytes(sad_ogg)
    (tmp_path / "notes.mid").write_bytes(midi_song())
    (tmp_path / "none.ogg").write_bytes(b"no music at all" * 100)
    return tmp_path


def run(stack: RunningStack, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "luce.cli.main", *arguments],
        env=stack.environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_describe_and_feel_answer_a_line_for_each_input(stack: RunningStack, songs: Path) -> None:
    names = ["happy.ogg", "none.ogg", "sad.ogg", "notes.mid"]
    described = run(stack, songs, "describe", *names, "--json", "--plot", "plots/")
    felt = run(stack, songs, "feel", *names, "--json")
    for done in (described, felt):
        assert done.returncode == 4, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["input"] for one in told] == names
        assert ["error" in one for one in told] == [False, True, False, False]
    happy, _, sad, notes = (json.loads(line) for line in felt.stdout.splitlines())
    assert happy["arousal"] > sad["arousal"]
    assert (happy["medium"], notes["medium"]) == ("audio", "midi")
    music = json.loads(described.stdout.splitlines()[3])
    assert (music["tempo_bpm"], music["time_signature"], music["key"]) == (120.0, "4/4", "C major")
    assert music["descriptors"][0]["values"] == ["piano"]
    assert "piano" in music["caption"]
    heard = json.loads(described.stdout.splitlines()[0])
    assert [part["start_s"] for part in heard["parts"]] == [0.0, 2.0]
    assert all(all(descriptor["texts"]) for descriptor in heard["descriptors"])
    assert [path.name for path in sorted((songs / "plots").iterdir())] == ["happy.png", "notes.png", "sad.png"]
    with Image.open(songs / "plots" / "notes.png") as picture:
        assert picture.width > 1200


def test_the_sdk_hears_and_feels_the_same(stack_client: luce.Client, happy_ogg: bytes) -> None:
    music, felt = stack_client.describe(happy_ogg), stack_client.feel(happy_ogg)
    assert felt.emotion == music.emotion
    assert felt.curve == music.curve
    assert [descriptor.dimension for descriptor in music.descriptors][-1] == "mood"


def post(stack: RunningStack, data: bytes, prefer: str = "") -> tuple[int, dict[str, Any]]:
    boundary = "luce-e2e-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="song.ogg"\r\n\r\n'
    request = urllib.request.Request(
        f"{stack.http}/v1/descriptions",
        data=head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Prefer": prefer},
    )
    with urllib.request.urlopen(request, timeout=100) as answer:
        return answer.status, json.load(answer)


def test_over_http_a_short_song_is_answered_at_once_and_a_long_one_by_a_job(
    stack: RunningStack, happy_ogg: bytes
) -> None:
    status, music = post(stack, happy_ogg)
    assert (status, len(music["descriptors"])) == (200, 6)
    long = encode(happy_song(65.0), "vorbis")
    status, job = post(stack, long)
    assert (status, job["kind"]) == (202, "describe")
    status, music = post(stack, long, "wait=60")
    assert status == 200
    assert music["duration_s"] == pytest.approx(65, abs=0.5)
