"""Who reasons, and what is kept of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from luce.server.chain import Impression, InvalidRecord, Record, parse_record, read
from luce.server.llm import LanguageModel, LanguageModelSettings
from tests.fixtures.chat import ChatServer, chat_server, says
from training.chain_of_thought.build import VARIANTS, Asked, build, stopped, triples
from training.chain_of_thought.descriptions import Description, from_templates
from training.chain_of_thought.teacher import ModelTeacher, Reasoning, RulesTeacher

LAKE = read("a calm lake at sunset")


async def good() -> dict[str, Any]:
    return (await RulesTeacher().think(LAKE, 5)).to_json()


async def ask(chat: ChatServer) -> Record:
    model = LanguageModel(LanguageModelSettings(url=chat.url, model="tiny", backoff_s=0.01))
    try:
        return await ModelTeacher(model).think(LAKE, 4)
    finally:
        await model.close()


async def test_a_model_is_asked_in_three_steps_with_an_example_and_the_scene() -> None:
    async with chat_server(says(json.dumps(await good()))) as chat:
        assert await ask(chat) == await RulesTeacher().think(LAKE, 5)
    system, user = (message["content"] for message in chat.asked[0]["messages"])
    assert all(part in system for part in ("Step 1", "Step 2", "Step 3", "music_elements"))
    assert "a calm lake at sunset" in user
    assert chat.asked[0]["seed"] == 4
    example = json.loads(system[system.index("{") :])
    assert Reasoning.model_validate(example).model_dump() == parse_record(example).to_json()


async def test_a_breach_of_the_schema_is_asked_for_again() -> None:
    broken = await good()
    del broken["music_elements"]["rhythm"]
    async with chat_server(says("no"), says(json.dumps(broken)), says(json.dumps(await good()))) as chat:
        assert (await ask(chat)).music_elements.rhythm
    assert len(chat.asked) == 3


async def test_a_model_that_never_keeps_the_schema_is_refused() -> None:
    async with chat_server(says("{}")) as chat:
        with pytest.raises(InvalidRecord, match="wrong schema"):
            await ask(chat)


async def test_more_instruments_than_the_schema_has_are_refused() -> None:
    crowded = await good()
    crowded["music_elements"]["instruments"] = ["piano"] * 9
    async with chat_server(says(json.dumps(crowded))) as chat:
        with pytest.raises(InvalidRecord, match="instruments"):
            await ask(chat)


def asked(*described: Description) -> list[Asked]:
    return [(description, variant) for description in described for variant in range(VARIANTS[description.source])]


async def test_the_rules_answer_every_made_up_description_in_order(tmp_path: Path) -> None:
    described = list(from_templates(50))
    report = await build(asked(*described), RulesTeacher(), tmp_path, resume=False)
    lines = [json.loads(line) for line in (tmp_path / "triples.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == [description.key for description in described]
    assert sum(report.values()) == len(lines) == sum(json.loads((tmp_path / "report.json").read_text()).values())
    assert all(parse_record(line["record"]).rationale == line["rationale"] for line in lines)


class Moody:
    """Has the first music of every picture, and no other; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def think(self, impression: Impression, seed: int) -> Record:
        self.asked += 1
        if seed:
            raise InvalidRecord("music_elements.genre", "empty")
        return await RulesTeacher().think(impression, seed)


async def test_refusals_are_counted_and_left_out() -> None:
    report: Counter[str] = Counter()
    described = Description("oasis", "Lake 1", LAKE, held_out=True)
    found = [triple async for triple in triples(asked(described), Moody(), report)]
    assert [triple["split"] for triple in found] == ["held_out"]
    assert report["refused: music_elements.genre: empty"] == VARIANTS["oasis"] - 1


async def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    described = asked(*from_templates(20))
    await build(described, Moody(), tmp_path, resume=True)
    whole = (tmp_path / "triples.jsonl").read_bytes()
    (tmp_path / "triples.partial.jsonl").write_bytes(whole[: len(whole) // 2])
    kept = len(stopped(tmp_path / "triples.partial.jsonl"))
    teacher = Moody()
    await build(described, teacher, tmp_path, resume=True)
    assert 0 < kept < 20
    assert teacher.asked == 20 - kept
    assert (tmp_path / "triples.jsonl").read_bytes() == whole
