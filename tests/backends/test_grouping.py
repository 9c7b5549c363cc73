"""Joining requests into batches and cutting answers apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backends.onnxruntime.graph import Graph, GraphConfig, UnusableModel
from backends.onnxruntime.grouping import group, join, split


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.booleans()), min_size=1, max_size=10))
def test_groups_agree_in_shape_and_type_and_come_apart_again(drawn: list[tuple[int, int, bool]]) -> None:
    requests: list[dict[str, NDArray[Any]]] = [
        {"x": np.full((rows, width), index, dtype=np.float32 if single else np.float64)}
        for index, (rows, width, single) in enumerate(drawn)
    ]
    groups = group(requests)
    assert sorted(index for members in groups for index in members) == list(range(len(requests)))
    for members in groups:
        joined = join([requests[index] for index in members])
        pieces = split(joined, [drawn[index][0] for index in members])
        for index, piece in zip(members, pieces, strict=True):
            assert piece["x"].dtype == requests[index]["x"].dtype
            assert piece["x"].tolist() == requests[index]["x"].tolist()


def test_an_output_without_a_row_for_each_row_is_refused() -> None:
    with pytest.raises(ValueError, match="'y' has shape"):
        split({"y": np.zeros((2, 3))}, [1, 2])


CONFIG = """{"max_batch_size": 8,
"input": [{"name": "x", "data_type": "%s"}, {"name": "row", "data_type": "TYPE_INT64"}],
"output": [{"name": "%s", "data_type": "TYPE_FP32"}], "parameters": {}}"""


def test_text_is_refused_with_the_name_of_the_tensor() -> None:
    with pytest.raises(UnusableModel, match="'x': BYTES"):
        GraphConfig.parse(CONFIG % ("TYPE_STRING", "y"))


def test_a_graph_that_lacks_an_output_is_refused(tiny_repository: Path) -> None:
    config = GraphConfig.parse(CONFIG % ("TYPE_FP32", "z"))
    with pytest.raises(UnusableModel, match="no output z"):
        Graph(config, tiny_repository / "tiny_plain" / "1")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.onnx"):
        Graph(GraphConfig.parse(CONFIG % ("TYPE_FP32", "y")), tmp_path)
