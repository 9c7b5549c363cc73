from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.emotion import Emotion
from services.mapping.aligning import UNRELATED, align, normal_share

AXIS = st.floats(-1, 1)


@given(AXIS, AXIS, AXIS, AXIS, st.none() | AXIS)
def test_every_fit_lies_between_nothing_and_all(v: float, a: float, w: float, b: float, cosine: float | None) -> None:
    fit = align(Emotion(v, a), Emotion(w, b), cosine)
    shares = [fit.emotion, fit.overall, *(reason.fit for reason in fit.reasons)]
    assert all(0 <= share <= 1 for share in shares)
    assert (fit.semantic is None) == (cosine is None)
    assert [reason.fit for reason in fit.reasons] == sorted(reason.fit for reason in fit.reasons)
    meaning = set() if cosine is None else {"meaning"}
    assert {reason.axis for reason in fit.reasons} == {"valence", "arousal"} | meaning


@given(AXIS, AXIS)
def test_the_same_feeling_fits_wholly(v: float, a: float) -> None:
    fit = align(Emotion(v, a), Emotion(v, a), None)
    assert (fit.emotion, fit.overall) == (1.0, 1.0)
    assert all("agree" in reason.text for reason in fit.reasons)


@given(AXIS, AXIS)
def test_the_more_alike_the_vectors_the_better_the_meaning_fits(first: float, second: float) -> None:
    neutral = Emotion(0.0, 0.0)
    low, high = sorted((first, second))
    worse, better = align(neutral, neutral, low), align(neutral, neutral, high)
    assert worse.semantic is not None
    assert better.semantic is not None
    assert worse.semantic <= better.semantic
    assert worse.overall <= better.overall


def test_a_pair_as_alike_as_unrelated_ones_is_in_their_middle() -> None:
    fit = align(Emotion(0, 0), Emotion(0, 0), UNRELATED[0])
    assert fit.semantic == 0.5
    assert fit.overall == pytest.approx(0.8)
    assert [normal_share(z) for z in (-6, 0)] == [pytest.approx(0.0, abs=1e-6), 0.5]


def test_what_keeps_them_apart_comes_first_and_is_said() -> None:
    fit = align(Emotion(-0.6, 0.2), Emotion(0.6, 0.25), 1.0, seen=["cliff"], heard=["piano", "calm"])
    first, *_ = fit.reasons
    assert first.axis == "valence"
    assert first.fit == pytest.approx(0.4)
    assert first.text == "In valence they pull apart: the image is sad, the music glad (-0.60 against +0.60)."
    assert fit.reasons[-1].text.startswith("The image shows cliff and the music has piano, calm; they are more alike")


def test_two_of_one_sign_that_are_far_apart_are_compared() -> None:
    told = {reason.axis: reason.text for reason in align(Emotion(0.7, -0.9), Emotion(0.15, -0.2), None).reasons}
    assert (
        told["valence"] == "In valence they pull apart: the image is far gladder than the music (+0.70 against +0.15)."
    )
    assert "the music is far more stirring than the image" in told["arousal"]
