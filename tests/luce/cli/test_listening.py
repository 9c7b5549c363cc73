"""`luce describe` and `luce feel`: many inputs, one answer each, in order."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import luce
from luce.cli import exits
from luce.cli.plot import plot
from luce.cli.spectrogram import MOST_COLUMNS, spectrogram
from luce.v1 import jobs_pb2
from tests.fixtures.media import happy_song, silence, wav_bytes
from tests.luce.cli.conftest import Run
from tests.luce.server import SmallServer


@pytest.fixture
def songs(tmp_path: Path) -> list[str]:
    """Three songs, of which the second is bad."""
    for name in ("a.ogg", "bad.ogg", "c.ogg"):
        (tmp_path / name).write_bytes(name.encode())
    return ["a.ogg", "bad.ogg", "c.ogg"]


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A real recording."""
    path = tmp_path / "song.wav"
    path.write_bytes(wav_bytes(happy_song(4.0)))
    return path


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_describe_tells_people_what_was_heard_and_what_is_unknown(run: Run, song: Path) -> None:
    done = run("describe", "song.ogg")
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert told.startswith("song.ogg\n  A joyful piece for a piano.\n  Bright and fast.\n")
    assert "  0:00        A piano plays." in told
    assert "128 bpm" in told
    assert "or 64" in told
    assert "C major" in told
    assert "A minor" in told
    assert "joyful, playful (50% sure)" in told
    assert "unknown" in told.partition("style")[2].splitlines()[0]


def test_describe_as_json_is_one_object_a_line(run: Run, song: Path) -> None:
    (told,) = lines(run("describe", "song.ogg", "--json"))
    assert (told["input"], told["key"], told["tempo_bpm"]) == ("song.ogg", "C major", 128)
    (point,) = told["curve"]
    assert (point["duration_s"], point["valence_uncertainty"]) == (5.0, 0.25)
    assert (told["time_signature"], told["beat_times"]) == ("4/4", [0.5, 1.0])
    assert told["descriptors"][1] == {
        "dimension": "mood",
        "values": ["joyful", "playful"],
        "confidence": 0.5,
        "source": "model",
        "texts": ["Joyful.", "", ""],
        "text_source": "model",
    }
    assert (told["caption"], told["caption_source"]) == ("A joyful piece for a piano.", "model")
    assert told["parts"] == [
        {"start_s": 0.0, "duration_s": 10.0, "caption": "A piano plays."},
        {"start_s": 2.5, "duration_s": 10.0, "caption": None},
    ]
    assert told["tags"][0] == {"dimension": "instruments", "name": "piano", "confidence": 0.75}


def test_feel_as_json_is_one_object_a_line(run: Run, song: Path) -> None:
    (told,) = lines(run("feel", "song.ogg", "--json"))
    assert (told["input"], told["medium"], told["valence"], told["arousal"]) == ("song.ogg", "audio", 0.75, 0.5)
    assert (told["valence_uncertainty"], told["arousal_uncertainty"], told["quadrant"]) == (0.25, 0.125, "Q1")
    assert "valence +0.75 ± 0.25" in run("feel", "song.ogg").stdout


def test_feel_takes_words_instead_of_files(run: Run) -> None:
    (told,) = lines(run("feel", "--text", "a train that left", "--json"))
    assert (told["input"], told["medium"], told["curve"]) == ("a train that left", "text", [])
    assert (told["valence_uncertainty"], told["notes"]) == (0.5, ["The words do not look English."])
    plain = run("feel", "--text", "far " * 40).stdout.splitlines()
    assert plain[0].startswith("far far")
    assert "…  Q1  valence +0.75 ± 0.50" in plain[0]
    assert plain[1:] == ["  The words do not look English."]


def test_feel_takes_texts_line_by_line_and_answers_in_their_order(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "luce.cli.main", "feel", "--text", "-", "--json"]
    given = b"a calm sea\r\n\nth\xffnder"
    done = subprocess.run(command, env=environment, input=given, capture_output=True, timeout=60)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["input"] for one in told] == ["a calm sea", "", "th\ufffdnder"]
    assert told[1]["error"] == {
        "code": "invalid_argument",
        "message": "text holds no words",
        "field": "text",
        "limit": "at least one word",
        "retry_after_s": None,
    }
    assert (told[0]["valence"], told[2]["valence"], done.returncode) == (0.75, 0.75, exits.BAD_INPUT)
    nothing = subprocess.run(command, env=environment, input=b"", capture_output=True, timeout=60)
    assert (nothing.returncode, nothing.stdout) == (0, b"")


@pytest.mark.parametrize("given", [[], ["song.ogg", "--text", "a"]])
def test_feel_wants_files_or_words(run: Run, song: Path, given: list[str]) -> None:
    done = run("feel", *given, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["field"]) == (exits.BAD_INPUT, "FILE")


def test_align_tells_how_well_two_media_fit_and_why(run: Run, song: Path, tmp_path: Path) -> None:
    for name in ("photo.png", "piece.mid"):
        (tmp_path / name).write_bytes(name.encode())
    told = json.loads(run("align", "photo.png", "song.ogg", "--json").stdout)
    assert (told["image"], told["audio"], told["overall"], told["semantic"]) == ("photo.png", "song.ogg", 0.625, 0.5)
    assert told["reasons"] == [{"axis": "valence", "fit": 0.25, "text": "In valence they pull apart."}]
    assert (told["seen"], told["heard"], told["music_emotion"]["quadrant"]) == (["seashore"], ["piano"], "Q1")
    plain = run("align", "photo.png", "piece.mid").stdout.splitlines()
    assert plain[0] == "fit 0.62  (emotion 0.75, meaning unknown)"
    assert plain[1].startswith("  photo.png  Q1  valence +0.75")
    assert plain[-1] == "  In valence they pull apart."
    missing = run("align", "none.png", "song.ogg", "--json")
    assert (missing.returncode, json.loads(missing.stdout)["error"]["field"]) == (exits.BAD_INPUT, "image")


@pytest.mark.parametrize("command", ["describe", "feel"])
def test_a_bad_input_is_an_error_in_its_place_and_the_others_go_on(run: Run, songs: list[str], command: str) -> None:
    done = run(command, *songs, "missing.ogg", "a.ogg", "--json")
    assert done.returncode == exits.BAD_INPUT
    told = lines(done)
    assert [one["input"] for one in told] == [*songs, "missing.ogg", "a.ogg"]
    assert [one.get("error", {}).get("code") for one in told] == [
        None,
        "malformed_media",
        None,
        "invalid_argument",
        None,
    ]
    assert "luce: bad.ogg" in done.stderr
    plain = run(command, *songs)
    assert (plain.returncode, "c.ogg" in plain.stdout) == (exits.BAD_INPUT, True)


@pytest.mark.parametrize("command", ["describe", "feel"])
def test_where_no_file_is_there_no_server_is_asked(run: Run, command: str) -> None:
    done = run(command, "none.ogg", "neither.ogg", "--json", LUCE_SERVER="127.0.0.1:1")
    assert done.returncode == exits.BAD_INPUT
    assert [one["error"]["field"] for one in lines(done)] == ["FILE", "FILE"]


def test_an_interrupt_cancels_what_is_being_described(
    environment: dict[str, str], tmp_path: Path, server: SmallServer
) -> None:
    (tmp_path / "slow.ogg").write_bytes(b"...")
    command = [sys.executable, "-m", "luce.cli.main", "describe", "slow.ogg"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as describing:
        with server.changed:
            assert server.changed.wait_for(lambda: server.calls["Watch"] > 0, timeout=30)
        describing.send_signal(signal.SIGINT)
        describing.communicate(timeout=30)
    assert describing.returncode == exits.INTERRUPTED
    assert server.jobs["job-0"].state == jobs_pb2.JOB_STATE_CANCELLED


def test_a_plot_is_drawn_where_it_is_asked_for(run: Run, wav: Path, tmp_path: Path) -> None:
    done = run("describe", "song.wav", "--plot", "plots/", "--json")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "plots" / "song.png") as picture:
        assert picture.width > 1200
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 500
    assert run("describe", "song.wav", "--plot", "one.svg").returncode == 0
    assert (tmp_path / "one.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["song.wav", "--plot", "song.txt"], ".png"),
        (["song.wav", "other.wav", "--plot", "one.png"], "folder"),
        (["song.wav", "deep/song.wav", "--plot", "plots/"], "same name"),
    ],
)
def test_a_plot_that_cannot_be_is_refused_before_anything_is_asked(
    run: Run, wav: Path, server: SmallServer, arguments: list[str], told: str
) -> None:
    done = run("describe", *arguments)
    assert done.returncode == exits.BAD_INPUT
    assert told in done.stderr
    assert not server.calls


def test_a_recording_that_cannot_be_drawn_is_an_error_of_its_own(run: Run, songs: list[str], tmp_path: Path) -> None:
    done = run("describe", "a.ogg", "--plot", "a.png", "--json")
    assert done.returncode == exits.BAD_INPUT
    assert "error" in lines(done)[0]
    assert not (tmp_path / "a.png").exists()


def test_without_what_draws_the_message_says_what_to_install(environment: dict[str, str], wav: Path) -> None:
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from luce.cli.main import main\n"
        "sys.exit(main(['describe', 'song.wav', '--plot', 'a.png']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=wav.parent, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == exits.FAILED, done.stderr
    assert "matplotlib: pip install 'luce[local]'" in done.stderr


def described(*points: luce.EmotionPoint, silent: bool = False) -> luce.MusicDescription:
    return luce.MusicDescription(
        duration_s=4.0,
        tempo_bpm=None,
        tempo_confidence=0.0,
        key=None,
        key_confidence=0.0,
        loudness_lufs=-70.0 if silent else -20.0,
        silent=silent,
        emotion=luce.Emotion(0.0, -1.0 if silent else 0.2),
        curve=points,
        summary="4 seconds.",
    )


def test_silence_and_a_single_window_are_drawn_and_the_same_piece_gives_the_same_bytes(
    tmp_path: Path, wav: Path
) -> None:
    quiet = tmp_path / "quiet.wav"
    quiet.write_bytes(wav_bytes(silence(2.0)))
    plot(described(silent=True), quiet, tmp_path / "quiet.png")
    point = luce.EmotionPoint(0.0, 4.0, luce.Emotion(0.1, 0.2), 0.2, 0.1)
    for name in ("one.png", "two.png"):
        plot(described(point), wav, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "quiet.png").stat().st_size > 10_000


def test_a_tone_stands_at_its_frequency_and_a_long_piece_keeps_its_bound() -> None:
    rate = 22050
    time = np.arange(rate * 120) / rate
    shown = spectrogram(np.sin(2 * np.pi * 440 * time).astype(np.float32), rate)
    rows, columns = shown.levels_db.shape
    assert columns <= MOST_COLUMNS
    loudest = shown.levels_db.mean(axis=1).argmax()
    hertz = shown.low_hz * (shown.high_hz / shown.low_hz) ** (loudest / (rows - 1))
    assert hertz == pytest.approx(440, rel=0.02)
    assert shown.levels_db.max() == 0
    assert shown.levels_db.min() >= -70


def test_silence_and_a_click_have_a_spectrogram_without_a_warning() -> None:
    for samples in (np.zeros(100, np.float32), np.zeros(22050, np.float32), np.ones(1, np.float32)):
        assert np.isfinite(spectrogram(samples, 22050).levels_db).all()
