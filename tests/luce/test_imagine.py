from __future__ import annotations

import dataclasses

import pytest

import luce
from luce.v1 import agents_pb2
from tests.luce.server import MUSIC, SmallServer

NOTE = luce.AgentNote("colour", "llm", 1, 1, "palette", "warm", ("it is bright",))
FINDING = luce.AgentFinding("emotion_mismatch", "error", "mood", 1, "too sad", "happy", "repaired")


def test_music_is_described_and_turned_into_prompts(client: luce.Client, server: SmallServer) -> None:
    imagined = client.imagine(b"song", "a dancer", n=2, seed=2**64 - 1)
    (request,) = server.imagined
    assert (request.text, request.count, request.seed) == ("a dancer", 2, 2**64 - 1)
    assert request.description.caption == MUSIC.caption
    assert len(imagined.prompts) == 2
    assert imagined.prompts[0].emotion == luce.Emotion(0.5, -0.5)
    assert imagined.prompts[0].vocabulary == {"scene": "field", "palette": "amber"}
    assert imagined.music is not None
    assert imagined.report is None


def test_a_description_that_is_known_is_not_asked_for_again(client: luce.Client, server: SmallServer) -> None:
    music = client.describe(b"song")
    calls = server.calls["Submit"]
    imagined = client.imagine(music)
    assert server.calls["Submit"] == calls
    assert imagined.music == music


def test_a_description_goes_back_to_the_agents_as_it_came(client: luce.Client, server: SmallServer) -> None:
    client.imagine(client.describe(b"song"))
    sent, came = server.imagined[0].description, agents_pb2.MusicDescription()
    came.CopyFrom(MUSIC)
    # What the agents do not go by stays at home.
    for field in ("curve", "beat_times", "parts", "tempo_alternatives", "key_alternatives", "caption_source"):
        came.ClearField(field)
    for field in ("time_signature", "time_signature_confidence"):
        came.ClearField(field)  # type: ignore[arg-type]
    for descriptor in came.descriptors:
        for field in ("source", "text_short", "text_source"):
            descriptor.ClearField(field)  # type: ignore[arg-type]
    assert sent == came


def test_words_alone_need_no_music(client: luce.Client, server: SmallServer) -> None:
    assert client.imagine(text="a dancer", n=1).music is None
    assert not server.imagined[0].HasField("description")


def test_the_agents_of_a_request_are_named_by_plain_words(client: luce.Client, server: SmallServer) -> None:
    client.imagine(text="a", without=["verb", "colour"], mind="rules", minds={"style": "llm"})
    client.imagine(text="a", baseline="single_agent")
    first, second = (request.agents for request in server.imagined)
    assert list(first.without) == [agents_pb2.AGENT_ROLE_VERB, agents_pb2.AGENT_ROLE_COLOUR]
    assert first.mind == agents_pb2.AGENT_MIND_RULES
    assert first.minds[0] == agents_pb2.AgentMindChoice(
        role=agents_pb2.AGENT_ROLE_STYLE, mind=agents_pb2.AGENT_MIND_LLM
    )
    assert second.baseline == agents_pb2.AGENT_BASELINE_SINGLE_AGENT


def test_the_report_comes_where_it_is_asked_for(client: luce.Client) -> None:
    report = luce.AgentReport((NOTE,), (FINDING,))
    assert client.imagine(text="a", explain=True).report == report
    painting = client.paint(prompt="a", explain=True)
    assert painting.report == painting.job.report == report
    assert client.paint(prompt="a").report is None


def test_painting_takes_the_same_options(client: luce.Client, server: SmallServer) -> None:
    client.paint(prompt="a", without=["verb"], baseline="", mind="llm")
    request = server.tasks["job-0"].task.paint
    assert list(request.agents.without) == [agents_pb2.AGENT_ROLE_VERB]
    assert request.agents.mind == agents_pb2.AGENT_MIND_LLM


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"without": ["verbs"]}, "without"),
        ({"without": "verb"}, "without"),
        ({"mind": "human"}, "mind"),
        ({"minds": {"verb": "human"}}, "minds"),
        ({"minds": {"nobody": "llm"}}, "minds"),
        ({"baseline": "none"}, "baseline"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_sent(
    client: luce.Client, server: SmallServer, options: dict[str, object], field: str
) -> None:
    for call in (client.imagine, client.paint):
        with pytest.raises(luce.InvalidArgument) as caught:
            call(b"song", **options)  # type: ignore[arg-type]
        assert caught.value.field == field
    assert not server.calls


def test_a_number_that_cannot_be_sent_is_refused(client: luce.Client, server: SmallServer) -> None:
    for values in ({"seed": -1}, {"n": 2**40}):
        with pytest.raises(luce.InvalidArgument):
            client.imagine(b"song", **values)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="colors"):
        client.imagine(b"song", colors=1)  # type: ignore[call-arg]
    assert not server.calls


async def test_the_asynchronous_client_imagines_too(server: SmallServer) -> None:
    async with luce.AsyncClient(server.address) as client:
        imagined = await client.imagine(await client.describe(b"song"), n=3)
    assert len(imagined.prompts) == 3
    assert dataclasses.replace(imagined, report=None) == imagined
