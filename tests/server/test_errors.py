"""The one error table, against the classes, the gRPC statuses, the wire and the document."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce import errors
from luce.server import errors as table

_DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


def _classes(base: type[errors.LuceError] = errors.LuceError) -> list[type[errors.LuceError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in _classes(child))]


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_every_error_class_has_a_row_and_a_code_of_its_own(kind: type[errors.LuceError]) -> None:
    assert kind in table.TABLE
    assert errors.error_for_code(kind.code) is kind


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_a_request_error_is_a_client_status_and_a_service_error_is_not_retried_unless_it_says_so(
    kind: type[errors.LuceError],
) -> None:
    row = table.TABLE[kind]
    if issubclass(kind, errors.RequestError):
        assert 400 <= row.http_status < 500 or row.http_status == 501
        assert not kind.retryable
    if kind.retryable:
        assert row.http_status in (429, 503, 504)


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: code.name)
def test_every_grpc_status_of_another_server_becomes_an_error_of_ours(code: grpc.StatusCode) -> None:
    error = table.from_grpc_code(code, "what it said")
    assert error.message == "what it said"
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}:
        assert error.retryable
        assert table.row_for(error).grpc_code is code


def test_the_document_is_the_table() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| (\w+) \| (yes|no) \| (\w+) \| (.+) \|$", _DOCUMENT.read_text("utf-8"), re.M
    )
    assert rows == [
        (
            kind.code,
            kind.__name__,
            str(row.http_status),
            row.grpc_code.name,
            "yes" if kind.retryable else "no",
            logging.getLevelName(row.log_level),
            row.title,
        )
        for kind, row in table.TABLE.items()
    ]


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    kind=st.sampled_from(_classes()),
    message=_TEXT,
    field=_TEXT,
    limit=_TEXT,
    retry_after=st.one_of(st.none(), st.floats(0.5, 1e4, width=32)),
)
def test_an_error_is_the_same_after_it_crossed_the_wire(
    kind: type[errors.LuceError], message: str, field: str, limit: str, retry_after: float | None
) -> None:
    sent = kind(message, field=field, limit=limit, retry_after=retry_after)
    ((_, rich),) = table.to_grpc_status(sent)[2]
    for came in (
        table.from_problem(table.to_problem(sent)),
        table.from_rich_status(rich),
    ):
        assert came is not None
        assert type(came) is kind
        assert (came.message, came.field, came.limit, came.retry_after) == (message, field, limit, retry_after)


def test_what_is_not_a_rich_status_of_ours_is_none() -> None:
    assert table.from_rich_status(b"\xff\xff") is None
    assert table.from_rich_status(b"") is None


def test_an_unknown_exception_tells_nothing_of_itself() -> None:
    error = table.from_exception(RuntimeError("the password is swordfish"))
    assert type(error) is errors.Internal
    assert "swordfish" not in error.message


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TimeoutError(), errors.DeadlineExceeded),
        (asyncio.CancelledError(), errors.Cancelled),
        (errors.NotFound("no such job"), errors.NotFound),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_known_exceptions_become_the_error_that_they_mean(raised: BaseException, kind: type[errors.LuceError]) -> None:
    assert type(table.from_exception(raised)) is kind
