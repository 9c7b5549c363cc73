from __future__ import annotations

from luce.v1 import agents_pb2
from services.agents.summary import summarize
from tests.services.agents.music import HAPPY, SAD, described


def with_curve(music: agents_pb2.MusicDescription, arousals: list[float], spread: float) -> agents_pb2.MusicDescription:
    for second, arousal in enumerate(arousals):
        point = music.curve.points.add(
            start_s=second, duration_s=5, valence_uncertainty=spread, arousal_uncertainty=spread
        )
        point.emotion.arousal = arousal
    return music


def test_a_summary_says_what_was_measured() -> None:
    assert summarize(HAPPY).startswith(
        "30 seconds of fast, loud music in G major, at about 150 beats per minute. It feels"
    )
    assert "very slow, soft music in A minor" in summarize(SAD)


def test_a_clear_metre_is_told_with_the_beat() -> None:
    music = described(tempo=100)
    music.time_signature = "3/4"
    assert "at about 100 beats per minute in 3/4." in summarize(music)


def test_a_summary_names_nothing_that_is_not_clear() -> None:
    told = summarize(described(0.15, 0.05, tempo=0))
    assert "without a clear beat" in told
    assert "without a clear key" in told
    assert "neutral" in told


def test_silence_is_called_silence() -> None:
    music = described(duration=125)
    music.silent = True
    assert summarize(music) == "2:05 minutes of silence."


def test_a_change_and_a_doubt_are_told() -> None:
    rising = with_curve(described(0.3, 0.3), [-0.3] * 5 + [0.0] * 5 + [0.6] * 5, 0.5)
    assert "livelier towards the end" in summarize(rising)
    assert "uncertain" in summarize(rising)
    steady = with_curve(described(0.3, 0.3), [0.3] * 15, 0.1)
    assert "towards the end" not in summarize(steady)
    assert "uncertain" not in summarize(steady)
