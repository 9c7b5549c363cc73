"""The command line as its users meet it: a process with arguments, two streams, signals and an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import luce
from luce.v1 import jobs_pb2
from tests.luce.cli.conftest import Run
from tests.luce.server import MOVIE, PICTURE, SmallServer


def test_a_painted_song_is_written_beside_us_under_its_name(run: Run, song: Path, tmp_path: Path) -> None:
    done = run("paint", "song.ogg")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "song.png\n"
    assert (tmp_path / "song.png").read_bytes() == PICTURE + b"\x00"
    assert "imagines a sunlit meadow" in done.stderr


def test_options_reach_the_server(run: Run, song: Path, server: SmallServer) -> None:
    options = ["--seed", "7", "--steps", "12", "--guidance", "4", "--size", "256x192", "--n", "2"]
    done = run("paint", "song.ogg", *options, "--text", "a lighthouse", "--negative", "fog")
    assert done.returncode == 0, done.stderr
    paint = server.tasks["job-0"].task.paint
    told = paint.options
    assert (told.seed, told.steps, told.guidance_scale, told.n) == (7, 12, 4.0, 2)
    assert (told.width, told.height, told.negative_prompt) == (256, 192, "fog")
    assert paint.prompt == "a lighthouse"
    assert paint.audio.filename == "song.ogg"


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["-o", "a.png"], ["a.png"]),
        (["-o", "a.png", "--n", "2"], ["a-1.png", "a-2.png"]),
        (["-o", "new/"], ["new/song.png"]),
        (["-o", "new/deep/a.png"], ["new/deep/a.png"]),
        (["--n", "2"], ["song-1.png", "song-2.png"]),
    ],
)
def test_pictures_go_where_they_are_asked_to(
    run: Run, song: Path, tmp_path: Path, arguments: list[str], files: list[str]
) -> None:
    done = run("paint", "song.ogg", *arguments)
    assert done.stdout.split() == files, done.stderr
    assert all((tmp_path / file).is_file() for file in files)


def test_json_is_one_object_with_prompt_seed_emotion_timings_and_files(run: Run, song: Path) -> None:
    done = run("paint", "song.ogg", "--seed", "7", "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["song"] == "song.ogg"
    assert told["prompt"] == "a sunlit meadow"
    assert told["seed"] == 7
    assert told["emotion"] == {"valence": 0.75, "arousal": 0.5, "dominance": 0.0, "quadrant": "Q1"}
    assert told["timings"] == {"queue": 0.5, "paint": 1.0}
    assert told["models"] == {"image_generator": "1"}
    (file,) = told["files"]
    assert (file["path"], file["seed"], file["width"]) == ("song.png", 7, 256)
    assert file["attributes"] == {"scene": "meadow", "palette": "warm"}


def test_how_well_a_picture_fits_is_told(run: Run, song: Path, server: SmallServer) -> None:
    done = run("paint", "song.ogg", "--best-of", "2")
    assert server.tasks["job-0"].task.paint.options.best_of == 2
    assert "picture 1 feels valence +0.50, arousal +0.25; 0.88 like the music; 0.25 like its words" in done.stderr
    (file,) = json.loads(run("paint", "song.ogg", "--json").stdout)["files"]
    assert file["measures"]["va_similarity"] == 0.875
    assert file["measures"]["sem_score"] is None
    assert file["candidate"] == 0


@pytest.mark.parametrize(
    ("arguments", "file", "kind"),
    [
        ([], "song.mp4", "mp4"),
        (["-o", "a.gif"], "a.gif", "gif"),
        (["-o", "A.MP4"], "A.MP4", "mp4"),
        (["-o", "new.d/"], "new.d/song.mp4", "mp4"),
    ],
)
def test_an_animation_is_one_file_whose_name_says_its_format(
    run: Run, song: Path, tmp_path: Path, server: SmallServer, arguments: list[str], file: str, kind: str
) -> None:
    done = run("paint", "song.ogg", "--frames", "3", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    options = server.tasks["job-0"].task.paint.options
    assert (options.frames, options.animation_format) == (3, kind)
    told = json.loads(done.stdout)
    assert told["animation"]["path"] == file
    assert [(image["path"], image["time_s"]) for image in told["files"]] == [(None, 0), (None, 6.25), (None, 12.5)]
    assert (tmp_path / file).read_bytes() == MOVIE
    assert [path.name for path in (tmp_path / file).parent.glob("*.png")] == []


def test_several_songs_are_painted_into_a_folder_and_a_bad_one_spoils_no_other(
    run: Run, song: Path, tmp_path: Path, server: SmallServer
) -> None:
    (tmp_path / "other.ogg").write_bytes(b"another song")
    server.faults.add("Submit", luce.MalformedMedia("audio: cut short", field="audio"))
    done = run("paint", "song.ogg", "other.ogg", "-o", "out/", "--json")
    assert done.returncode == 4
    results = json.loads(done.stdout)["paintings"]
    assert sorted("error" in result for result in results) == [False, True]
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".png"]


def test_words_alone_are_painted(run: Run, server: SmallServer, tmp_path: Path) -> None:
    done = run("paint", "--text", "a lighthouse", "-o", "a.png", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert not server.tasks["job-0"].task.paint.HasField("audio")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["paint"], 4, "give a song"),
        (["paint", "missing.ogg"], 4, "no file missing.ogg"),
        (["paint", "song.ogg", "--size", "big"], 4, "256x256"),
        (["paint", "song.ogg", "--text", "fail"], 4, "1..100"),
        (["paint", "song.ogg", "--seed", "-1"], 4, "seed"),
        (["paint", "song.ogg", "--steps", "many"], 2, "--steps"),
        (["paint", "song.ogg", "song.ogg", "-o", "one.png"], 4, "folder"),
        (["paint", "song.ogg", "song.ogg"], 4, "same name"),
        (["paint", "song.ogg", "--frames", "3", "-o", "a.png"], 4, "mp4 or gif"),
        (["paint", "song.ogg", "--timeout", "0"], 2, "greater than 0"),
        (["jobs", "unknown"], 1, "no job unknown"),
        (["describe", "missing.ogg"], 4, "no file missing.ogg"),
        (["dance"], 2, "dance"),
        ([], 2, "COMMAND"),
    ],
)
def test_what_goes_wrong_is_told_with_its_exit_code(
    run: Run, song: Path, arguments: list[str], code: int, told: str
) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_where_json_was_asked_for(run: Run) -> None:
    done = run("paint", "missing.ogg", "--json")
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["field"]) == ("invalid_argument", "SONG")


def test_a_server_that_is_not_there_is_unavailable(run: Run, song: Path) -> None:
    done = run("embed", "a", "--timeout", "1", LUCE_SERVER="127.0.0.1:1")
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_cancels_the_job(
    environment: dict[str, str], song: Path, server: SmallServer, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "luce.cli.main", "paint", "song.ogg", "--text", "slow", "--n", "2"]
    with subprocess.Popen(command, env=environment, cwd=song.parent, stderr=subprocess.PIPE, text=True) as painting:
        with server.changed:
            assert server.changed.wait_for(lambda: server.calls["Watch"] > 0, timeout=30)
        painting.send_signal(number)
        painting.communicate(timeout=30)
    assert painting.returncode == code
    assert server.jobs["job-0"].state == jobs_pb2.JOB_STATE_CANCELLED


def test_jobs_are_listed_shown_and_cancelled(run: Run, server: SmallServer, client: luce.Client) -> None:
    done_job, slow_job = client.submit_paint(prompt="a", seed=5), client.submit_paint(prompt="slow")
    listed = run("jobs").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [slow_job.id, done_job.id]
    assert [job["state"] for job in json.loads(run("jobs", "--json").stdout)["jobs"]] == ["running", "succeeded"]
    assert [job["id"] for job in json.loads(run("jobs", "--state", "running", "--json").stdout)["jobs"]] == ["job-1"]
    assert "a sunlit meadow" in run("jobs", done_job.id).stdout
    assert json.loads(run("jobs", "--cancel", slow_job.id, "--json").stdout)["state"] == "cancelled"
    assert client.jobs.get(slow_job.id).state is luce.JobState.CANCELLED


def test_embed_answers_for_people_and_as_json(run: Run) -> None:
    assert run("embed", "a", "b").stdout == "1.000000 0.000000\n" * 2
    embedded = json.loads(run("embed", "a", "--json").stdout)
    assert embedded["embeddings"] == [{"text": "a", "truncated": False, "vector": [1.0, 0.0]}]


def test_embed_puts_the_vectors_of_media_behind_those_of_texts(run: Run, song: Path) -> None:
    embedded = json.loads(run("embed", "a", "--media", "song.ogg", "--json").stdout)
    assert embedded["embeddings"] == [
        {"text": "a", "truncated": False, "vector": [1.0, 0.0]},
        {"file": "song.ogg", "medium": "image", "vector": [0.0, 1.0]},
    ]
    assert run("embed").returncode == 4


def test_on_a_terminal_progress_is_shown_as_bars(environment: dict[str, str], song: Path) -> None:
    terminal, side = pty.openpty()
    command = [sys.executable, "-m", "luce.cli.main", "paint", "song.ogg"]
    env = environment | {"TERM": "xterm", "COLUMNS": "120"}
    shown = ""
    with subprocess.Popen(command, env=env, cwd=song.parent, stdout=subprocess.PIPE, stderr=side) as painting:
        os.close(side)
        # The end of a terminal that nobody writes to any more is an error (EIO).
        with contextlib.suppress(OSError):
            while piece := os.read(terminal, 65536):
                shown += piece.decode(errors="replace")
        os.close(terminal)
        assert painting.communicate(timeout=60)[0] == b"song.png\n"
    assert "━" in shown
    assert "100 %" in shown
    assert "imagines a sunlit meadow" in shown


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"luce {luce.__version__}\n"


def test_without_a_stack_there_is_nothing_to_list_stop_or_tell_of(run: Run) -> None:
    assert run("jobs", LUCE_SERVER="").returncode == 3
    status = run("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (3, "stopped")
    assert "nothing was running" in run("down").stderr


@pytest.mark.parametrize("command", ["paint", "jobs", "up", "status", "down", "describe", "feel", "embed", "align"])
def test_every_command_has_help(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"usage: luce {command}" in done.stdout
