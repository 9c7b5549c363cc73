"""From an impression to music, with reasons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.emotion import Emotion
from luce.server.chain import Chain, Impression, Seer, Sighting, lexicon, parse_record, pooled, read, tones_of

units = st.floats(-1.0, 1.0)


def test_the_same_seed_thinks_the_same_and_others_differ() -> None:
    impression = read("A child holds a red balloon at the edge of a calm lake.")
    assert Chain().think(impression, 7) == Chain().think(impression, 7)
    assert len({Chain().think(impression, seed).description for seed in range(12)}) >= 8


def test_a_stormy_and_a_peaceful_scene_get_different_music() -> None:
    storms = [Chain().think(read("A furious storm, waves crash on cliffs."), seed).controls for seed in range(20)]
    calms = [Chain().think(read("A serene meadow with gently swaying flowers."), seed).controls for seed in range(20)]
    assert np.mean([controls.tempo_bpm for controls in storms]) > 1.3 * np.mean(
        [controls.tempo_bpm for controls in calms]
    )
    assert sum(controls.mode == "major" for controls in storms) < 5
    assert sum(controls.mode == "major" for controls in calms) > 15


@given(units, units, units, st.integers(0, 2**63), st.lists(st.sampled_from(lexicon().all_sights()), max_size=6))
def test_every_thought_keeps_the_schema(v: float, a: float, motion: float, seed: int, sights: list[object]) -> None:
    impression = Impression(Emotion(v, a), tuple(Sighting(sight, 0.7) for sight in sights), "", motion)  # type: ignore[arg-type]
    thought = Chain().think(impression, seed)
    assert parse_record(thought.record.to_json()) == thought.record
    controls = thought.controls
    assert 50.0 <= controls.tempo_bpm <= 180.0
    assert 1 <= len(controls.instruments) == len(controls.programs) <= 5
    assert set(controls.instruments) <= set(lexicon().genres[controls.genre].instruments)
    assert all(-1 <= program <= 127 for program in controls.programs)
    assert [step.stage for step in thought.steps] == ["seen", "music", "composed"]
    assert all(element.reason and element.values for step in thought.steps for element in step.elements)


def test_the_description_names_what_the_controls_ask_for() -> None:
    for seed in range(30):
        thought = Chain().think(read("People dance at a night market with fireworks."), seed)
        controls = thought.controls
        assert controls.genre_phrase.lower() in thought.description.lower()
        assert all(phrase.lower() in thought.description.lower() for phrase in controls.instrument_phrases)
        assert controls.mode in thought.description


def test_a_text_is_read_and_a_picture_is_seen() -> None:
    assert Chain().think(read("a lake")).steps[0].stage == "read"
    assert Chain().think(Impression(Emotion(0.2, 0.1))).steps[0].stage == "seen"


def test_a_video_has_one_style_and_follows_its_shots() -> None:
    shots = [Impression(Emotion(0.7, -0.7), motion=-0.8), Impression(Emotion(-0.7, 0.8), motion=0.9)]
    whole, played = Chain().follow(shots, [10.0, 30.0], seed=3)
    assert whole.impression.emotion.valence == pytest.approx(-0.35)
    assert {(controls.genre, controls.programs, controls.metre) for controls in played} == {
        (whole.controls.genre, whole.controls.programs, whole.controls.metre)
    }
    assert [controls.mode for controls in played] == ["major", "minor"]
    assert played[0].tempo_bpm < played[1].tempo_bpm


def test_pooling_refuses_lengths_that_do_not_fit() -> None:
    shot = Impression(Emotion(0.0, 0.0))
    for shots, seconds in (([], []), ([shot], [1.0, 2.0]), ([shot], [0.0])):
        with pytest.raises(ValueError, match="pooled"):
            pooled(shots, seconds)


def test_a_picture_is_named_by_what_its_embedding_is_near_to() -> None:
    count = len(Seer.phrases())
    vectors = np.eye(count, dtype=np.float32)
    lake = next(index for index, phrase in enumerate(Seer.phrases()) if phrase.endswith("a calm lake"))
    pixels = np.full((8, 8, 3), (40, 60, 220), np.uint8)
    impression = Seer(vectors).look(
        vectors[lake], Emotion(0.4, -0.5), pixels=pixels, objects=[("golden retriever", 0.6)]
    )
    found = {(sighting.sight.kind, sighting.sight.name) for sighting in impression.sightings}
    assert {("scene", "lake"), ("thing", "dog"), ("tone", "cool")} <= found
    assert impression.emotion == Emotion(0.4, -0.5)


def test_a_seer_refuses_another_number_of_vectors() -> None:
    with pytest.raises(ValueError, match="needed"):
        Seer(np.zeros((3, 4), np.float32))


@pytest.mark.parametrize(
    ("colour", "tone"),
    [((250, 250, 250), "light"), ((10, 10, 10), "dark"), ((230, 130, 30), "warm"), ((40, 160, 50), "green")],
)
def test_tones_are_measured(colour: tuple[int, int, int], tone: str) -> None:
    assert tone in {sight.name for sight in tones_of(np.full((4, 4, 3), colour, np.uint8))}


def test_one_pixel_has_a_tone() -> None:
    assert tones_of(np.zeros((1, 1, 3), np.uint8))
