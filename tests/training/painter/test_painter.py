"""The painter draws the whole vocabulary, the same at every call and at every size."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from luce.server.vocabulary import Attributes, harmonize, misfits, vocabulary
from training.painter import paint, sample_attributes
from training.painter.lighting import ENERGY
from training.painter.scenes import SCENES
from training.painter.styles import STYLES

BASE = Attributes(scene="lake", time="sunset", weather="cloudy")
EVERY = [(kind, name) for kind in vocabulary().kinds if kind != "mood" for name in vocabulary().entries(kind)]


def differing(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_scenes_styles_and_verbs_are_those_of_the_vocabulary() -> None:
    words = vocabulary()
    assert set(SCENES) == set(words.entries("scene"))
    assert set(STYLES) == set(words.entries("style"))
    assert set(ENERGY) == set(words.entries("motion"))


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_entry_is_drawn_and_is_seen(kind: str, name: str) -> None:
    choice: dict[str, Any] = {kind: name}
    if kind == "light":
        fits = vocabulary().entry(kind, name).fits
        choice |= {other: names[0] for other, names in fits.items()}
    wish = harmonize(replace(BASE, **choice))
    assert getattr(wish, kind) == name or kind == "subject"
    picture = paint(wish, 3)
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 4.0
    others = [other for other in vocabulary().entries(kind) if other != name]
    another: dict[str, Any] = {kind: None if kind == "subject" else others[0]}
    other = harmonize(replace(wish, **another))
    if getattr(wish, kind) == name and other != wish:
        assert differing(picture, paint(other, 3)) > 0.05


def test_the_same_wish_and_seed_give_the_same_bytes_and_another_seed_another_picture() -> None:
    wish = sample_attributes(random.Random(4))
    assert np.array_equal(paint(wish, 7), paint(wish, 7))
    assert not np.array_equal(paint(wish, 7), paint(wish, 8))


@pytest.mark.parametrize("seed", range(8))
def test_the_same_scene_at_two_sizes_differs_in_detail_alone(seed: int) -> None:
    wish = sample_attributes(random.Random(seed))
    small = paint(wish, seed, 64)
    large = np.asarray(Image.fromarray(paint(wish, seed, 256)).resize((64, 64), Image.Resampling.BOX))
    assert differing(small, large) < 22.0
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.75


def test_sampled_wishes_go_together() -> None:
    rng = random.Random(0)
    assert all(misfits(sample_attributes(rng)) == [] for _ in range(200))


def test_valence_brightens_and_arousal_adds_contrast() -> None:
    def drawn(valence: float, arousal: float) -> np.ndarray[Any, Any]:
        return paint(replace(BASE, valence=valence, arousal=arousal), 5)

    assert drawn(0.9, 0.0).mean() > drawn(-0.9, 0.0).mean() + 8
    assert drawn(0.0, 0.9).std() > drawn(0.0, -0.9).std() + 4


def test_night_is_darker_than_day_and_still_readable() -> None:
    night, day = (paint(replace(BASE, time=time), 2) for time in ("night", "day"))
    assert night.mean() < 0.7 * day.mean()
    assert night.max() > 90


@pytest.mark.parametrize("size", [8, 4096])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"size: \d+ is outside 16..2048"):
        paint(BASE, 0, size)
