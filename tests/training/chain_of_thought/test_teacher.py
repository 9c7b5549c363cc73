"""Who reasons, and what is kept of it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from luce.server.chain import Impression, InvalidRecord, Record, parse_record, read
from training.chain_of_thought.build import VARIANTS, records
from training.chain_of_thought.descriptions import Description, from_templates
from training.chain_of_thought.teacher import ModelTeacher, RulesTeacher, prompt

LAKE = read("a calm lake at sunset")


def answers(*texts: str) -> tuple[list[str], ModelTeacher]:
    asked: list[str] = []
    left = iter(texts)

    def complete(text: str) -> str:
        asked.append(text)
        return next(left)

    return asked, ModelTeacher(complete)


def good() -> str:
    return json.dumps(RulesTeacher().think(LAKE, 5).to_json())


def test_a_model_is_asked_in_three_steps_with_an_example_and_the_scene() -> None:
    text = prompt(LAKE, 0)
    assert all(part in text for part in ("Step 1", "Step 2", "Step 3", "a calm lake at sunset", "music_elements"))
    example = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert parse_record(example).music_elements.instruments


def test_an_answer_in_prose_is_found() -> None:
    asked, teacher = answers(f"Here you are:\n```json\n{good()}\n```")
    assert teacher.think(LAKE, 0) == RulesTeacher().think(LAKE, 5)
    assert len(asked) == 1


def test_a_breach_is_named_and_asked_for_again() -> None:
    asked, teacher = answers("no", '{"image_description": 3}', good())
    teacher.think(LAKE, 0)
    assert len(asked) == 3
    assert "refused" in asked[1]
    assert "music_description" in asked[2]


def test_a_model_that_never_keeps_the_schema_is_refused() -> None:
    _, teacher = answers("{", "{}", "[]")
    with pytest.raises(InvalidRecord):
        teacher.think(LAKE, 0)


def test_the_rules_answer_every_made_up_description() -> None:
    report: Counter[str] = Counter()
    triples = list(records(from_templates(80), RulesTeacher(), report))
    assert len(triples) == 80 * VARIANTS["templates"]
    assert sum(report.values()) == len(triples)
    assert all(parse_record(triple["record"]).rationale == triple["rationale"] for triple in triples)


def test_refusals_are_counted_and_left_out() -> None:
    class Moody:
        def think(self, impression: Impression, seed: int) -> Record:
            if seed:
                raise InvalidRecord("music_elements.genre", "empty")
            return RulesTeacher().think(impression, seed)

    described = [Description("oasis", "Lake 1", LAKE, held_out=True)]
    report: Counter[str] = Counter()
    triples = list(records(described, Moody(), report))
    assert [triple["split"] for triple in triples] == ["held_out"]
    assert report["refused: music_elements.genre: empty"] == VARIANTS["oasis"] - 1
