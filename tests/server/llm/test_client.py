from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from luce.server.deadline import Deadline
from luce.server.llm import Answer, LanguageModel, LanguageModelFailed, LanguageModelSettings, Message, Reason
from tests.fixtures.chat import ChatServer, Script, chat_server, raw, says, slow, trickle
from tests.fixtures.nats import free_port

QUESTION = [Message("system", "Be brief."), Message("user", "What colour?")]


class Colour(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Literal["red", "blue"]
    why: str


GOOD = '{"name": "blue", "why": "calm"}'


@asynccontextmanager
async def asking(*script: Script, **settings: Any) -> AsyncIterator[tuple[LanguageModel, ChatServer]]:
    async with chat_server(*script) as chat:
        values = {"backoff_s": 0.01, "attempt_timeout_s": 5.0} | settings
        model = LanguageModel(LanguageModelSettings(url=chat.url, model="tiny", api_key="k", **values))
        try:
            yield model, chat
        finally:
            await model.close()


async def asked(model: LanguageModel, **more: Any) -> Answer[Colour]:
    return await model.answer(QUESTION, Colour, **more)


async def failure(model: LanguageModel, **more: Any) -> LanguageModelFailed:
    with pytest.raises(LanguageModelFailed) as caught:
        await asked(model, **more)
    return caught.value


async def test_an_answer_fits_its_schema_which_went_along_with_the_key_and_the_seed() -> None:
    async with asking(says(GOOD)) as (model, chat):
        answer = await asked(model, seed=2**64 - 1)
    assert answer.value == Colour(name="blue", why="calm")
    assert answer.attempts == 1
    (body,) = chat.asked
    assert body["messages"][1] == {"role": "user", "content": "What colour?"}
    assert body["response_format"]["json_schema"]["schema"]["properties"]["name"]["enum"] == ["red", "blue"]
    assert 0 <= body["seed"] < 2**63
    assert chat.keys == ["Bearer k"]


async def test_json_in_a_code_fence_is_read() -> None:
    async with asking(says(f"```json\n{GOOD}\n```")) as (model, _):
        assert (await asked(model)).value.name == "blue"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (says("blue, I think"), Reason.MALFORMED),
        (says(GOOD[:-5]), Reason.MALFORMED),
        (says("[" * 100_000), Reason.MALFORMED),
        (says(""), Reason.MALFORMED),
        (says('{"name": "green", "why": ""}'), Reason.WRONG_SCHEMA),
        (says('{"name": "blue"}'), Reason.WRONG_SCHEMA),
        (says('{"name": "blue", "why": "", "and": 1}'), Reason.WRONG_SCHEMA),
        (says(GOOD, finish="length"), Reason.TRUNCATED),
        (raw(b"<html>proxy</html>"), Reason.MALFORMED),
        (raw(b'{"choices": []}'), Reason.MALFORMED),
        (raw(b"\xff\xfe\x00"), Reason.MALFORMED),
        (raw(b"busy", 503), Reason.BUSY),
        (raw(b"{}", 429), Reason.BUSY),
    ],
)
async def test_what_may_go_well_the_next_time_is_asked_again_and_then_told(bad: Script, reason: Reason) -> None:
    async with asking(bad, says(GOOD)) as (model, chat):
        assert (await asked(model)).attempts == 2
        assert len(chat.asked) == 2
    async with asking(bad, attempts=2) as (model, chat):
        assert (await failure(model)).reason is reason
        assert len(chat.asked) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (says("", refusal="I cannot help with that."), Reason.REFUSED),
        (says(GOOD, finish="content_filter"), Reason.REFUSED),
        (raw(b"{}", 401), Reason.REJECTED),
        (raw(b"{}", 404), Reason.REJECTED),
        (raw(b"{}", 302, location="http://127.0.0.1:1/"), Reason.REJECTED),
        (says(GOOD + " " * 10_000), Reason.OVERSIZED),
        (trickle(1 << 20), Reason.OVERSIZED),
        (raw(gzip.compress(b" " * 100), content_encoding="gzip"), Reason.MALFORMED),
    ],
)
async def test_what_will_not_get_better_is_not_asked_again(bad: Script, reason: Reason) -> None:
    attempts = 1 if reason is Reason.MALFORMED else 3
    async with asking(bad, max_answer_bytes=8192, attempts=attempts) as (model, chat):
        assert (await failure(model)).reason is reason
        assert len(chat.asked) == 1


async def test_a_slow_attempt_is_given_up_and_the_next_one_may_answer() -> None:
    async with asking(slow(says(GOOD), 30), says(GOOD), attempt_timeout_s=0.2) as (model, chat):
        assert (await asked(model)).attempts == 2
    async with asking(slow(says(GOOD), 30), attempt_timeout_s=0.2, attempts=2) as (model, chat):
        assert (await failure(model)).reason is Reason.SLOW
        assert len(chat.asked) == 2


async def test_the_deadline_ends_it_whichever_is_the_earliest() -> None:
    async with asking(slow(says(GOOD), 30), attempts=10) as (model, chat):
        assert (await failure(model, deadline=0.2)).reason is Reason.SLOW
        with Deadline.after(0.2).apply():
            assert (await failure(model)).reason is Reason.SLOW
        assert len(chat.asked) == 2


async def test_the_servers_wish_to_wait_is_honoured_within_the_deadline() -> None:
    async with asking(raw(b"{}", 429, retry_after="0.05"), says(GOOD)) as (model, _):
        assert (await asked(model)).attempts == 2
    async with asking(raw(b"{}", 429, retry_after="3600"), says(GOOD)) as (model, chat):
        told = await failure(model)
        assert (told.reason, told.retry_after_s) == (Reason.BUSY, 3600)
        assert len(chat.asked) == 1
    for nonsense in ("-1", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"):
        async with asking(raw(b"{}", 429, retry_after=nonsense), says(GOOD)) as (model, _):
            assert (await asked(model)).attempts == 2


async def test_nobody_there_is_told() -> None:
    settings = LanguageModelSettings(url=f"http://127.0.0.1:{free_port()}/v1", model="m", attempts=2, backoff_s=0.01)
    model = LanguageModel(settings)
    assert (await failure(model)).reason is Reason.UNREACHABLE
    await model.close()


async def test_too_large_a_question_is_not_sent() -> None:
    async with asking(says(GOOD), max_prompt_bytes=4096) as (model, chat):
        with pytest.raises(LanguageModelFailed) as caught:
            await model.answer([Message("user", "x" * 5000)], Colour)
        assert caught.value.reason is Reason.OVERSIZED
        assert chat.asked == []


async def test_questions_wait_for_a_place_and_too_many_are_refused() -> None:
    async with asking(slow(says(GOOD), 0.2), in_flight=2, max_waiting=2) as (model, chat):
        results = await asyncio.gather(*(asked(model) for _ in range(5)), return_exceptions=True)
        failed = [result for result in results if isinstance(result, LanguageModelFailed)]
        assert [error.reason for error in failed] == [Reason.BUSY]
        assert chat.most_at_once == 2


async def test_no_failure_tells_the_key_or_the_answer() -> None:
    async with asking(says('{"name": "my secret", "why": ""}'), attempts=1) as (model, _):
        told = str(await failure(model))
    assert "secret" not in told
    assert "Bearer" not in told
