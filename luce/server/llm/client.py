"""The client: one question, some attempts, one answer that fits its schema."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

import httpx
import orjson
from pydantic import BaseModel

from luce.server import telemetry
from luce.server.deadline import Deadline
from luce.server.llm.envelope import read, request_body
from luce.server.llm.failures import RETRYABLE, LanguageModelFailed, Reason
from luce.server.llm.settings import LanguageModelSettings

_log = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

_BUSY_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: Who says it.
        content: What is said.
    """

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of a question.

    Attributes:
        value: The object, checked against its schema.
        attempts: How many it took.
        seconds: How long it took.
    """

    value: T
    attempts: int
    seconds: float


class LanguageModel:
    """Asks one model. Make it inside a running event loop, close it there.

    Redirects are not followed and the environment's proxies are not used: the key goes where the settings say.

    Args:
        settings: Where it is and how long it may take.

    Raises:
        ValueError: The settings name no model.
    """

    def __init__(self, settings: LanguageModelSettings) -> None:
        if not settings.configured:
            raise ValueError("there is no language model: LUCE_LLM_URL is empty")
        self._settings = settings
        key = settings.api_key.get_secret_value()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(settings.attempt_timeout_s),
            limits=httpx.Limits(max_connections=settings.in_flight, max_keepalive_connections=settings.in_flight),
            follow_redirects=False,
            trust_env=False,
        )
        self._slots = asyncio.Semaphore(settings.in_flight)
        self._waiting = 0

    @property
    def name(self) -> str:
        """The model's name, as the server knows it."""
        return self._settings.model

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def answer(
        self, messages: Sequence[Message], schema: type[T], *, deadline: float | None = None, seed: int = 0
    ) -> Answer[T]:
        """Ask for one object.

        Args:
            messages: The conversation so far.
            schema: What the answer must be; its JSON schema goes along, and the answer is checked against it here.
            deadline: Most seconds it may take; `deadline_s` and the deadline of the request being served hold as well.
            seed: Of the sampling, where the server knows seeds.

        Raises:
            LanguageModelFailed: There is no answer; the last attempt's reason.
        """
        settings, started = self._settings, time.monotonic()
        until = Deadline.current_or_after(
            min(settings.deadline_s, settings.deadline_s if deadline is None else deadline)
        )
        told = [{"role": message.role, "content": message.content} for message in messages]
        body = request_body(
            settings.model,
            told,
            schema,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=seed,
        )
        question = orjson.dumps(body)
        if len(question) > settings.max_prompt_bytes:
            raise LanguageModelFailed(Reason.OVERSIZED, f"the question has {len(question)} bytes")
        async with _Place(self, until):
            for attempt in range(1, settings.attempts + 1):
                try:
                    value = await self._attempt(question, schema, until)
                except LanguageModelFailed as failure:
                    await self._pause(failure, attempt, until)
                else:
                    return Answer(value, attempt, time.monotonic() - started)
        raise AssertionError("the last attempt returns or raises")

    async def _pause(self, failure: LanguageModelFailed, attempt: int, until: Deadline) -> None:
        """Wait before the next attempt; raise the failure where there is none."""
        wait = self._settings.backoff_s * 2.0 ** (attempt - 1)
        if failure.retry_after_s is not None:
            wait = max(wait, failure.retry_after_s)
        last = attempt >= self._settings.attempts or failure.reason not in RETRYABLE
        if last or until.remaining() <= wait:
            raise failure
        _log.info("the language model failed (%s); again in %.1f s", failure, wait)
        await asyncio.sleep(wait)

    async def _attempt(self, question: bytes, schema: type[T], until: Deadline) -> T:
        settings = self._settings
        try:
            async with asyncio.timeout(min(settings.attempt_timeout_s, until.remaining())):
                with telemetry.client_span(f"llm {settings.model}"):
                    return read(await self._post(question), schema)
        except (TimeoutError, httpx.TimeoutException):
            raise LanguageModelFailed(Reason.SLOW, "it did not answer in time") from None
        except httpx.HTTPError as error:
            raise LanguageModelFailed(Reason.UNREACHABLE, type(error).__name__) from None

    async def _post(self, question: bytes) -> bytes:
        """The bytes of a successful answer, at most `max_answer_bytes` of them."""
        most = self._settings.max_answer_bytes
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        url = f"{self._settings.url}/chat/completions"
        async with self._client.stream("POST", url, content=question, headers=headers) as response:
            if response.status_code != 200:
                raise _failure(response)
            body = bytearray()
            # Raw: nothing is unpacked, so that what is counted is what arrives.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > most:
                    raise LanguageModelFailed(Reason.OVERSIZED, f"more than {most} bytes")
            return bytes(body)


class _Place:
    """A place among the questions under way."""

    def __init__(self, model: LanguageModel, until: Deadline) -> None:
        self._model = model
        self._until = until

    async def __aenter__(self) -> None:
        model = self._model
        if model._slots.locked() and model._waiting >= model._settings.max_waiting:
            raise LanguageModelFailed(Reason.BUSY, f"{model._waiting} questions wait already")
        model._waiting += 1
        try:
            async with asyncio.timeout(self._until.remaining()):
                await model._slots.acquire()
        except TimeoutError:
            raise LanguageModelFailed(Reason.BUSY, "no place came free in time") from None
        finally:
            model._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._model._slots.release()


def _failure(response: httpx.Response) -> LanguageModelFailed:
    status = response.status_code
    if status in _BUSY_STATUS:
        return LanguageModelFailed(Reason.BUSY, f"HTTP {status}", _retry_after(response))
    return LanguageModelFailed(Reason.REJECTED, f"HTTP {status}")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of the header; a date is not read."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
