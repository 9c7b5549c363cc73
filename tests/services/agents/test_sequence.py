from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.v1 import agents_pb2, emotion_pb2
from services.agents.sequence import emotion_path, key_times, moments_of
from tests.services.agents.music import described

WHOLE = agents_pb2.Prompt(
    text="oil painting of calm sea with a sailboat at sunset",
    negative_text="angry mood",
    attributes=agents_pb2.VisualAttributes(
        scene="sea", subject="a sailboat", time_of_day="at sunset", style="oil painting", composition="wide view"
    ),
    vocabulary={"scene": "sea", "time": "sunset", "style": "oil", "subject": "boat", "composition": "wide"},
)


def travelling(*points: tuple[float, float], duration: float = 30.0) -> agents_pb2.MusicDescription:
    """Music whose emotion goes through these points, evenly in time."""
    music = described(duration=duration)
    for index, (valence, arousal) in enumerate(points):
        music.curve.points.add(
            start_s=index * duration / len(points),
            duration_s=duration / len(points),
            emotion=emotion_pb2.Emotion(valence=valence, arousal=arousal),
        )
    return music


def test_the_path_goes_through_the_middles_of_the_windows() -> None:
    music = travelling((0.0, 0.0), (0.4, -0.2), duration=20)
    path = emotion_path(music, np.array([0.0, 5.0, 10.0, 15.0, 20.0]))
    assert path == pytest.approx(np.array([[0, 0], [0, 0], [0.2, -0.1], [0.4, -0.2], [0.4, -0.2]]), abs=1e-6)


def test_without_a_curve_the_whole_piece_feels_alike() -> None:
    assert emotion_path(described(0.3, -0.2), np.array([0.0, 9.0])) == pytest.approx(np.array([[0.3, -0.2]] * 2))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), max_size=6),
    st.integers(2, 64),
    st.floats(0.1, 600),
    st.lists(st.floats(0, 600), max_size=40).map(sorted),
)
def test_key_pictures_ascend_from_the_start_to_the_end(
    points: list[tuple[float, float]], count: int, duration: float, beats: list[float]
) -> None:
    music = travelling(*points, duration=duration) if points else described(duration=duration)
    music.beat_times.extend(beats)
    times = key_times(music, count)
    assert len(times) == count
    assert (times[0], times[-1]) == (0.0, music.duration_s)
    assert (np.diff(times) > 0).all()


def test_more_pictures_are_where_more_happens() -> None:
    still = [(0.0, 0.0)] * 10
    times = key_times(travelling(*still, (0.5, 0.5), (-0.5, -0.5)), 9)
    assert (times > 22).sum() > (times < 8).sum() + 1


def test_steady_music_is_shown_at_an_even_pace_and_on_the_beat() -> None:
    music = described(duration=12)
    assert np.diff(key_times(music, 5)) == pytest.approx(np.full(4, 3.0))
    music.beat_times.extend([2.8, 6.1, 8.9])
    assert key_times(music, 5) == pytest.approx([0, 2.8, 6.1, 8.9, 12])
    # A beat that is far off moves nothing.
    assert key_times(described(duration=12), 3)[1] == pytest.approx(6.0)


def test_place_style_and_framing_stay_while_light_and_colour_change() -> None:
    moments = moments_of(travelling((0.4, -0.3), (-0.4, 0.5)), "", WHOLE, 6)
    for moment in moments:
        assert moment.prompt.text.startswith("oil painting of ")
        assert "sea with a sailboat at sunset" in moment.prompt.text
        assert "wide view" in moment.prompt.text
        assert moment.prompt.negative_text == "angry mood"
    first, last = moments[0].prompt, moments[-1].prompt
    for field in ("weather", "lighting", "palette", "verb", "mood"):
        assert getattr(first.attributes, field) != getattr(last.attributes, field), field
        assert getattr(last.attributes, field) in last.text
    assert first.vocabulary["palette"] != last.vocabulary["palette"]
    assert last.vocabulary["scene"] == "sea"


def test_words_do_not_flicker_while_the_music_hovers() -> None:
    hovering = [(0.1 + 0.01 * (-1) ** index, 0.05 + 0.01 * (-1) ** index) for index in range(24)]
    moments = moments_of(travelling(*hovering), "", WHOLE, 24)
    assert len({moment.prompt.text for moment in moments}) == 1


def test_a_persons_words_lead_and_what_they_name_stays() -> None:
    moments = moments_of(travelling((0.4, -0.3), (-0.4, 0.5)), "a castle in moonlight.", WHOLE, 4)
    for moment in moments:
        assert moment.prompt.text.startswith("a castle in moonlight, oil painting, ")
    assert len({moment.prompt.attributes.lighting for moment in moments}) == 1
    assert len({moment.prompt.attributes.palette for moment in moments}) > 1
