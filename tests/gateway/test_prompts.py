"""`/v1/prompts`, and which agents have a say in a painting."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from gateway.http import schemas
from luce.v1 import agents_pb2, jobs_pb2, jobs_pb2_grpc
from tests.gateway.conftest import Doors

PROMPTS = "/v1/prompts"
IMAGES = "/v1/images/generations"


@pytest.fixture(scope="module")
def doors(doors_with_agents: Doors) -> Doors:
    """A gateway, workers, and agents of a simple kind."""
    return doors_with_agents


async def test_words_alone_become_prompts(doors: Doors) -> None:
    answer = await doors.http.post(PROMPTS, json={"text": "sea", "n": 3})
    assert answer.status_code == 200
    imagined = schemas.Prompts.model_validate(answer.json(), strict=True)
    assert [prompt.text for prompt in imagined.prompts] == ["sea"] * 3
    assert imagined.prompts[0].vocabulary == {"scene": "sea"}
    assert (imagined.music, imagined.report) == (None, None)


async def test_music_in_a_form_is_described_first_and_the_report_comes_on_request(
    doors: Doors, short_song: bytes
) -> None:
    form = {"text": "sea", "explain": "true", "without": "verb, style"}
    answer = await doors.http.post(PROMPTS, files={"audio": ("song.wav", short_song)}, data=form)
    assert answer.status_code == 200, answer.text
    imagined = schemas.Prompts.model_validate(answer.json(), strict=True)
    assert len(imagined.prompts) == 4
    assert imagined.music is not None
    assert imagined.music.summary == f"audio/wav of {len(short_song)} bytes"
    assert imagined.report is not None
    # What the simple agents were told.
    assert imagined.report.notes[0].words == "without 2, 3; heard audio/wav"
    assert (imagined.report.notes[0].author, imagined.report.notes[0].mind) == ("scene", "rules")
    assert imagined.report.findings[0].outcome == "repaired"


async def test_music_uploaded_before_is_named_by_its_key(doors: Doors, short_song: bytes) -> None:
    blob = (await doors.http.post("/v1/blobs", content=short_song)).json()
    answer = await doors.http.post(PROMPTS, json={"audio_key": blob["key"], "without": ["colour"], "explain": True})
    assert answer.json()["report"]["notes"][0]["words"] == "without 4; heard audio/wav"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "audio"),
        ({"text": "  "}, "audio"),
        ({"text": "sea", "n": 0}, "n"),
        ({"text": "sea", "n": 9}, "n"),
        ({"text": "sea", "seed": -1}, "seed"),
        ({"text": "sea", "seed": 2**64}, "seed"),
        ({"text": "x" * 1001}, "text"),
        ({"text": "sea", "without": "verbs"}, "without"),
        ({"text": "sea", "without": ["verb"], "baseline": "caption_only"}, "without"),
        ({"text": "sea", "mind": "human"}, "mind"),
        ({"text": "sea", "baseline": "none"}, "baseline"),
        ({"text": "sea", "colors": 1}, "colors"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(doors: Doors, fields: dict[str, Any], field: str) -> None:
    answer = await doors.http.post(PROMPTS, json=fields)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["field"].split(".")[0] == field


async def test_a_painting_takes_the_same_options_and_refuses_the_same(doors: Doors) -> None:
    answer = await doors.http.post(IMAGES, json={"prompt": "sea", "without": "verb", "mind": "rules", "explain": True})
    assert answer.status_code == 202, answer.text
    answer = await doors.http.post(IMAGES, json={"prompt": "sea", "without": "verbs"})
    assert answer.json()["field"] == "without"


async def test_grpc_refuses_agents_that_do_not_exist(doors: Doors) -> None:
    request = agents_pb2.PaintRequest(prompt="sea")
    request.agents.minds.add(role=agents_pb2.AGENT_ROLE_VERB)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await jobs_pb2_grpc.JobsServiceStub(doors.channel).Submit(
            jobs_pb2.SubmitRequest(task=jobs_pb2.Task(paint=request))
        )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "minds" in str(refused.value.details())
