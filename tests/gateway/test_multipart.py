"""Forms, however their bytes are cut."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.multipart import FormReader, boundary_of
from luce.errors import InvalidArgument, PayloadTooLarge, RequestError


class _Sink:
    def __init__(self) -> None:
        self.data = b""
        self.name = ""

    def write(self, data: bytes) -> None:
        self.data += data


def _form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + end


def _field(name: str, value: bytes) -> tuple[str, bytes]:
    return (f'Content-Disposition: form-data; name="{name}"', value)


def _file(name: str, filename: str, data: bytes) -> tuple[str, bytes]:
    return (f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: audio/ogg', data)


async def _read(body: bytes, cuts: list[int] | None = None) -> tuple[dict[str, str], _Sink]:
    sink = _Sink()

    def open_file(field: str, filename: str, media_type: str) -> _Sink:
        sink.name = filename
        return sink

    async def pieces() -> AsyncIterator[bytes]:
        edges = [0, *sorted(min(cut, len(body)) for cut in cuts or ()), len(body)]
        for start, end in itertools.pairwise(edges):
            yield body[start:end]

    reader = FormReader(b"b", open_file, frozenset({"audio"}))
    await reader.read(pieces())
    return reader.fields, sink


@given(st.lists(st.integers(0, 600), max_size=20), st.binary(max_size=200))
async def test_a_form_reads_the_same_however_it_is_cut(cuts: list[int], data: bytes) -> None:
    payload = data.replace(b"--b", b"")
    body = _form(_field("prompt", "ein Schloß".encode()), _file("audio", "söng.ogg", payload), _field("n", b"2"))
    fields, sink = await _read(body, cuts)
    assert fields == {"prompt": "ein Schloß", "n": "2"}
    assert (sink.data, sink.name) == (payload, "söng.ogg")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
async def test_random_bytes_are_a_form_or_an_error_of_ours(body: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(RequestError):
        await _read(body, cuts)


async def test_a_form_that_is_cut_short_is_refused() -> None:
    with pytest.raises(RequestError, match="cut short"):
        await _read(_form(_field("n", b"1"), end=b""))


async def test_a_field_may_come_once() -> None:
    with pytest.raises(InvalidArgument, match="n is given twice"):
        await _read(_form(_field("n", b"1"), _field("n", b"2")))


async def test_a_field_is_utf_8() -> None:
    with pytest.raises(InvalidArgument, match="prompt is not UTF-8"):
        await _read(_form(_field("prompt", b"\xff\xfe")))


async def test_a_field_has_a_bound_and_so_has_their_number() -> None:
    with pytest.raises(PayloadTooLarge, match="prompt is too long"):
        await _read(_form(_field("prompt", b"x" * 70_000)))
    with pytest.raises(PayloadTooLarge, match="too many parts"):
        await _read(_form(*(_field(f"f{index}", b"") for index in range(33))))


def test_the_boundary_is_found_or_missed_loudly() -> None:
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of("application/json") is None
    assert boundary_of("") is None
    with pytest.raises(RequestError, match="without a boundary"):
        boundary_of("multipart/form-data")
