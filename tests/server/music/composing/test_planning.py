"""What is asked becomes a plan: on time, within the context, and the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.chain import lexicon
from luce.server.music.composing.controls import CONTROL_SIZE, MEASURED, STYLES, Controls, unpacked
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.planning import (
    TIME_SIGNATURES,
    Moment,
    Wish,
    corpus,
    plan,
    time_signature_for,
    whole_bars,
)
from luce.server.music.composing.score import MELODY, METRES, Score
from luce.server.music.composing.tokens import CONTEXT, FIRST_METRE, bar_token, encode

emotions = st.floats(-1, 1)
moments = st.lists(st.builds(Moment, st.floats(4, 60), emotions, emotions), min_size=1, max_size=4).map(tuple)


@settings(max_examples=60)
@given(moments, st.integers(0, 2**64 - 1), st.sampled_from([None, *TIME_SIGNATURES]), st.sampled_from([None, *STYLES]))
def test_a_piece_lasts_exactly_as_long_as_was_asked_and_every_section_fits_the_context(
    wanted: tuple[Moment, ...], seed: int, signature: str | None, style: str | None
) -> None:
    found = plan(Wish(wanted, time_signature=signature, style=style), seed)
    assert found.seconds == pytest.approx(sum(moment.seconds for moment in wanted))
    assert len(found.sections) >= len(wanted)
    for section in found.sections:
        quarters = section.bars * METRES[found.metre].quarters
        assert 2.4 * quarters * 2 ** (section.controls.density or 0) < CONTEXT
        assert not np.isnan(section.controls.vector()).any()
    assert [section.controls.ending for section in found.sections] == [0.0] * (len(found.sections) - 1) + [1.0]
    assert found.sections[0].controls.opening == 1


@given(st.floats(40, 220), st.floats(5, 180), st.integers(0, 99))
def test_a_given_tempo_holds_and_the_length_is_right_to_the_bar(bpm: float, seconds: float, seed: int) -> None:
    found = plan(Wish((Moment(seconds, 0, 0),), tempo_bpm=bpm), seed)
    assert found.manner.bpm == bpm
    bar_s = METRES[found.metre].quarters * 60 / bpm
    assert abs(found.seconds - seconds) <= max(bar_s, seconds * 0.5) / 2 + bar_s / 2


@given(st.floats(40, 220), st.sampled_from(TIME_SIGNATURES), st.floats(5, 180))
def test_the_tempo_nearest_to_one_fills_the_time_with_whole_bars(bpm: float, signature: str, seconds: float) -> None:
    quarters = METRES[TIME_SIGNATURES.index(signature)].quarters
    bars = seconds * whole_bars(bpm, signature, seconds) / 60 / quarters
    assert bars == pytest.approx(round(bars))
    wanted = seconds * bpm / 60 / quarters
    assert abs(bars - wanted) <= 0.5001 or bars == pytest.approx(1)


def test_every_metre_of_the_chain_can_be_written() -> None:
    metres = {metre for genre in lexicon().genres.values() for metre in genre.metres}
    assert {"2/4", "12/8"} <= metres
    assert {metre: time_signature_for(metre) for metre in metres} == {
        "2/4": "4/4",
        "3/4": "3/4",
        "4/4": "4/4",
        "6/8": "6/8",
        "12/8": "6/8",
    }
    assert time_signature_for("5/4") is None


@pytest.mark.parametrize(
    ("key", "tonic", "minor"), [("C major", 0, False), ("F# minor", 6, True), ("Bbm", 10, True), ("e", 4, False)]
)
def test_a_key_holds(key: str, tonic: int, minor: bool) -> None:
    found = plan(Wish((Moment(30, 0.2, 0.1),), key=key), 5)
    assert (found.manner.tonic, found.manner.minor) == (tonic, minor)
    home = 9 if minor else 0
    assert (home + found.manner.shift) % 12 == tonic
    assert found.sections[0].controls.mode == (-1 if minor else 1)


def test_a_mode_alone_holds_too() -> None:
    for mode, minor in (("major", False), ("minor", True)):
        assert {plan(Wish((Moment(20, 0, 0),), mode=mode), seed).manner.minor for seed in range(8)} == {minor}


def test_the_same_wish_and_seed_are_the_same_plan_and_another_seed_is_another() -> None:
    wish = Wish((Moment(30, 0.4, -0.2),))
    assert plan(wish, 7) == plan(wish, 7)
    assert len({plan(wish, seed).manner.bpm for seed in range(20)}) > 5


def test_pleasant_and_excited_music_is_told_from_its_opposite() -> None:
    def drawn(valence: float, arousal: float) -> tuple[float, float, float]:
        plans = [plan(Wish((Moment(30, valence, arousal),)), seed) for seed in range(60)]
        minor = float(np.mean([one.manner.minor for one in plans]))
        events = [2 ** (one.sections[0].controls.density or 0) * one.manner.bpm for one in plans]
        length = [2 ** (one.sections[0].controls.length or 0) / one.manner.bpm for one in plans]
        return minor, float(np.median(events)), float(np.median(length))

    bright, dark = drawn(0.6, 0.6), drawn(-0.6, -0.6)
    assert bright[0] < 0.3 < 0.7 < dark[0]
    assert bright[1] > 1.5 * dark[1]
    assert bright[2] < dark[2]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"moments": (Moment(1, 0, 0),)}, "seconds"),
        ({"moments": (Moment(601, 0, 0),)}, "seconds"),
        ({"moments": (Moment(30, float("nan"), 0),)}, "emotion.valence"),
        ({"moments": (Moment(30, 0, 1.5),)}, "emotion.arousal"),
        ({"key": "H major"}, "key"),
        ({"mode": "dorian"}, "mode"),
        ({"time_signature": "7/8"}, "time_signature"),
        ({"tempo_bpm": 300.0}, "tempo_bpm"),
        ({"style": "polka"}, "style"),
        ({"instruments": ("kazoo",)}, "instruments"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        plan(replace(Wish((Moment(30, 0, 0),)), **changes), 1)  # type: ignore[arg-type]
    assert error.value.field == field


def test_an_emotion_beyond_all_music_becomes_the_utmost_that_there_is() -> None:
    valence, arousal = corpus().reachable(1.0, -1.0)
    assert 0.2 < valence < 1
    assert -1 < arousal < -0.2
    assert corpus().reachable(0.1, 0.0) == pytest.approx((0.1, 0.0))


def test_controls_survive_their_vector() -> None:
    controls = Controls(1, 0.5, 0.2, 1.0, 1.1, 0.3, 0.7, 1, 0, "game")
    vector = controls.vector()
    assert vector.shape == (CONTROL_SIZE,)
    assert unpacked(vector[None])[0] == pytest.approx([getattr(controls, name) for name in MEASURED], abs=1e-6)
    assert not Controls().vector().any()


def test_a_section_goes_on_from_the_bars_before_it() -> None:
    found = plan(Wish((Moment(40, 0.5, 0.7), Moment(40, -0.5, -0.7)), time_signature="4/4"), 3)
    draft = Draft(found, 3)
    first = draft.request()
    assert first is not None
    assert first["prefix"].tolist() == [[FIRST_METRE, bar_token(found.sections[0].bars)]]
    count = found.sections[0].bars
    score = Score.sorted(
        0, count, onset=np.arange(count) * 16, length=[8] * count, pitch=[60] * count, role=[MELODY] * count
    )
    draft.accept(np.array(encode(score)[2:], np.int32))
    second = draft.request()
    assert second is not None
    prefix = second["prefix"][0].tolist()
    assert prefix[:2] == [FIRST_METRE, bar_token(found.sections[1].bars + 4)]
    assert prefix[-1] == bar_token(found.sections[1].bars)
    assert second["seed"] != first["seed"]
    assert second["max_tokens"].item() + len(prefix) < CONTEXT


def test_a_bar_is_heard_once_the_next_one_begins() -> None:
    found = plan(Wish((Moment(20, 0, 0),), time_signature="4/4"), 3)
    draft = Draft(found, 3)
    draft.request()
    bars = found.sections[0].bars
    score = Score.sorted(
        0, bars, onset=np.arange(bars) * 16, length=[4] * bars, pitch=[60] * bars, role=[MELODY] * bars
    )
    tokens = encode(score)[2:]
    assert draft.hear(np.array(tokens[:3])).bars == 0
    assert draft.hear(np.array(tokens[3:4])).bars == 1
    assert draft.hear(np.array(tokens[4:9])).count == 2
    assert draft.accept(np.array(tokens)).bars == bars
    assert draft.request() is None
