from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.vision import SIDE, prepare
from luce.server.vision.reader import object_names


@given(st.integers(1, 700), st.integers(1, 700), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_picture_of_any_size_fits_and_keeps_its_colour(height: int, width: int, colour: tuple[int, int, int]) -> None:
    fitted = prepare(np.full((height, width, 3), colour, np.uint8))
    assert fitted.shape == (SIDE, SIDE, 3)
    assert fitted.dtype == np.uint8
    assert (fitted == colour).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_only_what_is_beyond_four_to_three_is_cut(axis: int) -> None:
    inside, beyond = np.zeros((300, 400, 3), np.uint8), np.full((300, 100, 3), 255, np.uint8)
    wide = np.concatenate([beyond, inside, beyond], 1)
    picture = wide if axis == 1 else wide.transpose(1, 0, 2)
    # The filter reaches over the edge of the cut by a pixel.
    assert prepare(picture)[2:-2, 2:-2].max() == 0
    whole = np.concatenate([beyond[:, :40], inside[:, :320], beyond[:, :40]], 1)
    assert prepare(whole if axis == 1 else whole.transpose(1, 0, 2)).max() == 255


@pytest.mark.parametrize("bad", [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        prepare(bad)


def test_there_is_a_name_for_each_of_the_thousand_classes() -> None:
    assert len(object_names()) == len(set(object_names())) == 1000
    assert object_names()[978] == "seashore"
