"""Controls of composed music as the vector that the model reads."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from luce.server.music.composing.controls import CONTROL_SIZE, Controls, slot


@pytest.mark.parametrize("name", [field.name for field in fields(Controls) if field.name != "style"])
def test_each_number_moves_its_own_place_and_flag_alone(name: str) -> None:
    asked: dict[str, Any] = {name: 0.25}
    given = replace(Controls(), **asked).vector()
    assert given.shape == (CONTROL_SIZE,)
    assert set(np.flatnonzero(given)) <= {slot(name), slot(name) + 1}
    assert given[slot(name) + 1] == 1
