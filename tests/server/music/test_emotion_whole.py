"""How a whole piece feels, from its windows and from the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.music.emotion_whole import emotion_of_whole

points = st.floats(-1, 1, width=32)
spreads = st.floats(0, 1, width=32)


def test_windows_that_a_model_is_unsure_of_hardly_count() -> None:
    emotion = np.array([[0.4, 0.2], [0.0, 0.0], [0.6, 0.4]], np.float32)
    uncertainty = np.array([[0.1, 0.1], [1.0, 1.0], [0.1, 0.1]], np.float32)
    # A window of silence, a hundredth of the weight of the other one, and half of all for the row of the whole.
    assert emotion_of_whole(emotion, uncertainty) == pytest.approx(
        [0.5 * 0.6 + 0.5 * 0.4 / 1.01, 0.5 * 0.4 + 0.1 / 1.01]
    )


@given(st.lists(st.tuples(points, points, spreads, spreads), min_size=2, max_size=20))
def test_a_piece_feels_no_stronger_than_its_rows(rows: list[tuple[float, float, float, float]]) -> None:
    table = np.array(rows, np.float32)
    found = emotion_of_whole(table[:, :2], table[:, 2:])
    assert (found >= table[:, :2].min(axis=0) - 1e-6).all()
    assert (found <= table[:, :2].max(axis=0) + 1e-6).all()
