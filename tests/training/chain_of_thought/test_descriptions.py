"""Descriptions to think about."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from training.chain_of_thought.descriptions import (
    from_captions,
    from_rated_pictures,
    from_templates,
    unknown_variables,
)


def test_every_variable_means_something_to_the_lexicon() -> None:
    assert unknown_variables() == []


def test_the_same_seed_makes_the_same_descriptions_and_another_makes_others() -> None:
    def texts(seed: int) -> list[str]:
        return [description.impression.description for description in from_templates(60, seed)]

    assert texts(3) == texts(3)
    assert len(set(texts(3)) & set(texts(4))) < 10
    assert len(set(texts(3))) > 55


def test_made_up_descriptions_cover_the_whole_plane_and_some_are_held_out() -> None:
    made = list(from_templates(400))
    quadrants = [description.impression.emotion.quadrant for description in made]
    assert all(quadrants.count(name) > 30 for name in ("Q1", "Q2", "Q3", "Q4"))
    assert all(description.impression.sightings for description in made)
    assert 10 < sum(description.held_out for description in made) < 80


def test_photographs_are_described_by_their_captions_and_by_who_rated_them(tmp_path: Path) -> None:
    captions, rated = tmp_path / "flickr8k_1000", tmp_path / "oasis"
    (captions / "images").mkdir(parents=True)
    (rated / "images").mkdir(parents=True)
    (captions / "captions.csv").write_text("image,caption\na.jpg,Two dogs run .\na.jpg,Dogs play in the snow .\n")
    Image.fromarray(np.full((60, 80, 3), (230, 150, 40), np.uint8)).save(rated / "images" / "Beach_1.jpg")
    with (rated / "oasis.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["Theme", "Valence_mean", "Arousal_mean", "file"])
        rows.writerow(["Beach 1", "6.4", "3.1", "images/Beach_1.jpg"])
    found = list(from_captions(tmp_path))
    assert [description.key for description in found] == ["a.jpg#0", "a.jpg#1"]
    assert found[0].held_out == found[1].held_out
    assert len(list(from_captions(tmp_path, most=1))) == 1
    (beach,) = from_rated_pictures(tmp_path)
    assert beach.impression.emotion.valence == np.float64((6.4 - 4) / 3)
    assert "beach" in beach.impression.description
    assert {"beach", "warm"} <= {sighting.sight.name for sighting in beach.impression.sightings}
