"""The parts of a chat completion that are read, and what they say of how the answer ended."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from luce.server.llm.failures import LanguageModelFailed, Reason

T = TypeVar("T", bound=BaseModel)

# Some servers wrap JSON in a code fence although it was asked for bare.
_FENCE: Final = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice]


def request_body(
    model: str,
    messages: list[dict[str, str]],
    schema: type[BaseModel],
    *,
    temperature: float,
    max_tokens: int,
    seed: int,
) -> dict[str, Any]:
    """The body of a request for one object of a schema."""
    return {
        "model": model,
        "messages": messages,
        "temperature": temperature,
        "max_tokens": max_tokens,
        # OpenAI takes signed 64 bits; a server that knows no seed ignores it.
        "seed": seed % (1 << 63),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": schema.__name__, "strict": True, "schema": schema.model_json_schema()},
        },
    }


def read(body: bytes, schema: type[T]) -> T:
    """The object in a completion.

    Raises:
        LanguageModelFailed: MALFORMED, REFUSED, TRUNCATED or WRONG_SCHEMA.
    """
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        raise LanguageModelFailed(Reason.MALFORMED, f"no chat completion: {_where(error)}") from None
    if not completion.choices:
        raise LanguageModelFailed(Reason.MALFORMED, "a chat completion without choices")
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise LanguageModelFailed(Reason.REFUSED, "the model declined to answer")
    if choice.finish_reason == "length":
        raise LanguageModelFailed(Reason.TRUNCATED, "the answer reached the limit of tokens")
    content = choice.message.content or ""
    fenced = _FENCE.match(content)
    try:
        return schema.model_validate_json(fenced[1] if fenced else content)
    except ValidationError as error:
        malformed = any(fault["type"] == "json_invalid" for fault in error.errors(include_input=False))
        reason = Reason.MALFORMED if malformed else Reason.WRONG_SCHEMA
        raise LanguageModelFailed(reason, _where(error)) from None


def _where(error: ValidationError) -> str:
    """The first fault, without the value that is at fault."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "the whole"
    return f"{place}: {first['msg'][:200]}"
