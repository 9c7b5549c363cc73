"""The schema of a record."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from luce.server.chain import Chain, InvalidRecord, parse_record, read


def document() -> dict[str, Any]:
    return Chain().think(read("a calm lake at sunset"), 1).record.to_json()


def test_the_keys_are_those_of_the_published_prompt() -> None:
    found = document()
    assert list(found) == [
        "image_description",
        "step1_reasoning",
        "visual_elements",
        "visual_description",
        "step2_reasoning",
        "music_elements",
        "step3_reasoning",
        "music_description",
    ]
    assert list(found["visual_elements"]) == ["object", "emotion", "dynamic", "color"]
    assert list(found["music_elements"]) == ["genre", "instruments", "emotion", "rhythm"]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("music_description",), None, "record"),
        (("music_description",), "  ", "music_description"),
        (("step1_reasoning",), 7, "step1_reasoning"),
        (("step2_reasoning",), "x" * 2001, "step2_reasoning"),
        (("mood",), "sad", "record"),
        (("visual_elements",), [], "visual_elements"),
        (("visual_elements", "color"), None, "visual_elements"),
        (("visual_elements", "color"), ["red"], "visual_elements.color"),
        (("music_elements", "instruments"), "piano", "music_elements.instruments"),
        (("music_elements", "instruments"), [], "music_elements.instruments"),
        (("music_elements", "instruments"), ["piano"] * 9, "music_elements.instruments"),
        (("music_elements", "instruments"), ["piano", 3], "music_elements.instruments"),
    ],
)
def test_a_breach_is_refused_with_its_field(path: tuple[str, ...], value: object, field: str) -> None:
    broken = copy.deepcopy(document())
    inner: dict[str, Any] = broken
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(InvalidRecord) as caught:
        parse_record(broken)
    assert caught.value.field == field


@pytest.mark.parametrize("value", [None, 3, "text", []])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidRecord):
        parse_record(value)
