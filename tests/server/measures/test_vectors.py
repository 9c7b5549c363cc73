from __future__ import annotations

import numpy as np
import pytest

from luce.server.measures import clip_score, cosine, sem_score


def test_cosine_goes_along_the_last_axis_and_broadcasts() -> None:
    found = cosine(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 2.0]))
    assert found == pytest.approx([0.0, np.sqrt(0.5)])
    assert sem_score(np.array([3.0, 4.0]), np.array([3.0, 4.0])) == pytest.approx(1.0)


def test_clip_score_stretches_and_knows_no_opposite() -> None:
    image = np.array([1.0, 0.0])
    assert clip_score(image, np.array([0.6, 0.8])) == pytest.approx(1.5)
    assert clip_score(image, np.array([-1.0, 0.0])) == 0.0


@pytest.mark.parametrize("vector", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_what_has_no_direction_is_refused(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        cosine(np.array(vector), np.array([1.0, 0.0]))
