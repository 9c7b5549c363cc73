"""`luce score` and `luce compose` as their users meet them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.luce.cli.conftest import Run
from tests.luce.server import MOVIE, SmallServer


def test_a_story_is_written_as_midi_beside_us(run: Run, tmp_path: Path, server: SmallServer) -> None:
    done = run(
        "compose", "The harbour slept.", "--seconds", "12", "--key", "A minor", "--emotion=-0.5,0.25", "--seed", "7"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "piece.mid\n"
    assert (tmp_path / "piece.mid").read_bytes() == b"MThd\x00"
    options = server.tasks["job-0"].task.compose.options
    assert (options.seconds, options.key, options.seed, options.emotion.valence) == (12, "A minor", 7, -0.5)
    assert "read: Snow lies on a harbour." in done.stderr
    assert "seed 7" in done.stderr


def test_a_file_of_words_is_read_and_names_its_music(run: Run, tmp_path: Path, server: SmallServer) -> None:
    (tmp_path / "story.txt").write_text("Once upon a time.", encoding="utf-8")
    done = run("compose", "story.txt", "-o", "new/", "--audio", "a.ogg", "--roll", "a.png", "--quiet")
    assert done.stdout.split() == ["new/story.mid", "a.ogg", "a.png"], done.stderr
    assert done.stderr == ""
    task = server.tasks["job-0"].task.compose
    assert (task.text, task.options.audio_format) == ("Once upon a time.", "ogg")


def test_music_goes_on_from_a_file(run: Run, tmp_path: Path, server: SmallServer) -> None:
    (tmp_path / "theme.mid").write_bytes(b"MThd")
    done = run("compose", "--continue", "theme.mid", "-o", "more.mid")
    assert done.returncode == 0, done.stderr
    assert server.tasks["job-0"].task.compose.midi.filename == "theme.mid"


def test_a_file_is_varied(run: Run, tmp_path: Path, server: SmallServer) -> None:
    (tmp_path / "theme.mid").write_bytes(b"MThd")
    done = run("compose", "--vary", "theme.mid", "-o", "more.mid")
    assert done.returncode == 0, done.stderr
    task = server.tasks["job-0"].task.compose
    assert (task.midi.filename, task.variation) == ("theme.mid", 0.75)
    run("compose", "--vary", "theme.mid", "--variation", ".25")
    assert server.tasks["job-1"].task.compose.variation == 0.25


def test_the_chain_is_explained(run: Run) -> None:
    done = run("compose", "a sea", "--explain")
    assert "read:\n  Snow lies on a harbour.\n  emotion        calm, lonely (valence -0.25)" in done.stdout


def test_a_picture_and_a_video_are_scored(run: Run, tmp_path: Path, server: SmallServer) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    done = run(
        "score",
        "clip.mp4",
        "-o",
        "m.flac",
        "--midi",
        "m.mid",
        "--mux",
        "out.mp4",
        "--accents",
        "--instruments",
        "piano, cello",
    )
    assert done.stdout.split() == ["m.flac", "m.mid", "out.mp4"], done.stderr
    assert (tmp_path / "out.mp4").read_bytes() == MOVIE
    task = server.tasks["job-0"].task.score
    assert (task.mux, task.accents, task.options.audio_format) == (True, True, "flac")
    assert list(task.options.instruments) == ["piano", "cello"]
    plain = run("score", "clip.mp4")
    assert plain.stdout == "clip.wav\n"
    assert not server.tasks["job-1"].task.score.mux


def test_several_pieces_are_numbered_and_told_as_json(run: Run, tmp_path: Path) -> None:
    done = run("compose", "a sea", "--n", "2", "-o", "a.mid", "--audio", "a.wav", "--json", "--seed", "3")
    told = json.loads(done.stdout)
    assert [piece["seed"] for piece in told["pieces"]] == [3, 4]
    assert [file["path"] for file in told["pieces"][1]["files"]] == ["a-2.mid", "a-2.wav"]
    assert (tmp_path / "a-2.wav").read_bytes() == b"RIFF\x01"
    assert told["chain"][0]["elements"][0]["reason"] == "valence -0.25"
    assert told["pieces"][0]["obtained"]["valence"] == -0.125


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "missing.png"], "MEDIA: there is no file"),
        (["compose", "a", "-o", "a.wav"], "must end with one of .mid"),
        (["compose", "a", "--audio", "a.exe"], "must end with one of .wav"),
        (["compose", "a", "--emotion", "warm"], "two numbers"),
        (["compose", "a", "--emotion", "2,0"], "two numbers"),
        (["compose", "picture.bin"], "is no text (UTF-8)"),
        (["compose", "fail"], "key is no key"),
        (["compose"], "give words"),
        (["compose", "--continue", "missing.mid"], "continue: there is no file"),
        (["compose", "--vary", "missing.mid"], "vary: there is no file"),
        (["compose", "a sea", "--variation", ".5"], "goes with --vary"),
    ],
)
def test_bad_input_is_told_and_has_its_exit_code(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "picture.bin").write_bytes(b"\xff\xfe\x00")
    done = run(*arguments)
    assert done.returncode == 4, done.stderr
    assert words in done.stderr
