"""The map into the space of words, how it is measured, and who is held out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.image_encoder.backbone import CLASSES, FEATURES, SIDE, Backbone
from training.image_encoder.features import WIDTH, Features
from training.image_encoder.network import Pairs, Recipe, least_squares, named, retrieval, sharpen, unit, with_constant
from training.image_encoder.pictures import HELD_OUT, fraction


def test_pictures_have_as_many_features_as_are_told() -> None:
    model = Features(Backbone().eval())
    with torch.no_grad():
        features, logits = model(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    assert (features.shape, logits.shape) == ((1, WIDTH), (1, CLASSES))
    assert WIDTH > FEATURES
    # A black picture has no colour, no light and no edges.
    assert float(features[0, -70:-6].abs().max()) == 0.0


def test_without_pictures_to_learn_from_the_map_stays_where_it_began() -> None:
    start = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    rows, words = np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float32)
    found = least_squares(rows, words, np.full(2, 1e-9, np.float32), 1.0, start)
    np.testing.assert_allclose(found, start, atol=1e-6)


def test_a_map_that_fits_is_found_and_sharpening_keeps_it() -> None:
    noise = np.random.default_rng(1)
    rows, truth = noise.normal(size=(200, 8)).astype(np.float32), noise.normal(size=(9, 384)).astype(np.float32)
    words = unit(with_constant(rows) @ truth)
    start = least_squares(rows, words, np.ones(200, np.float32), 0.1, np.zeros_like(truth))
    pairs = Pairs(rows, 1.0, words[:, np.newaxis], 64, np.arange(200))
    weight = sharpen(start, [pairs], Recipe(steps=5))
    found = retrieval(unit(with_constant(rows) @ weight), words, np.arange(200))
    assert found["text_to_image_r1"] > 0.9
    assert found["image_to_text_r1"] > 0.9


def test_retrieval_counts_the_right_one_among_the_first() -> None:
    seen = np.eye(20, 384, dtype=np.float32)
    assert set(retrieval(seen, seen, np.arange(20)).values()) == {1.0}
    mixed = retrieval(seen, np.roll(seen, 1, 0), np.arange(20))
    assert mixed["text_to_image_r1"] == 0.0
    doubled = retrieval(seen, np.repeat(seen, 2, 0), np.repeat(np.arange(20), 2))
    assert doubled["image_to_text_r1"] == 1.0


def test_a_picture_is_named_by_its_likeliest_classes() -> None:
    names = np.eye(1000, 384, dtype=np.float32)
    logits = np.full((1, 1000), -20.0, np.float32)
    logits[0, [3, 5]] = 5.0
    assert named(logits, names)[0, [3, 5]] == pytest.approx([0.5, 0.5], abs=1e-4)


def test_about_a_fifth_of_the_pictures_is_held_out() -> None:
    held_out = np.mean([fraction(f"oasis/Beach {index}") < HELD_OUT for index in range(2000)])
    assert held_out == pytest.approx(HELD_OUT, abs=0.03)
