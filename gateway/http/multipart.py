"""Reads `multipart/form-data` as it streams in, within limits.

Fields stay small, each file goes to a sink that may refuse at any byte, and nothing is read past a refusal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from email.message import Message
from typing import Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from luce.errors import InvalidArgument, PayloadTooLarge, RequestError

_MAX_PARTS: Final = 32
_MAX_FIELD_BYTES: Final = 64 * 1024


class FileSink(Protocol):
    """Takes the bytes of one file part."""

    def write(self, data: bytes) -> None:
        """Takes the next bytes; raises a `LuceError` to refuse the file."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a `multipart/form-data` content type; None where it is another type.

    Raises:
        RequestError: It is that type and has no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary = options.get(b"boundary")
    if not boundary:
        raise RequestError("multipart/form-data without a boundary", field="content-type")
    return boundary


class FormReader:
    """Sorts the parts of one form into fields and file sinks.

    Args:
        boundary: From the content type.
        open_file: Called with (field, filename, media type) for a part that has a file name or whose field is in
            `file_fields`; gives the sink.
        file_fields: Fields that are files, whether or not they carry a file name.
    """

    def __init__(
        self, boundary: bytes, open_file: Callable[[str, str, str], FileSink], file_fields: frozenset[str]
    ) -> None:
        self.fields: dict[str, str] = {}
        self._open_file = open_file
        self._file_fields = file_fields
        self._seen: set[str] = set()
        self._name = ""
        self._sink: FileSink | None = None
        self._value = bytearray()
        self._headers: dict[str, str] = {}
        self._header_name = b""
        self._header_value = b""
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise RequestError(f"not a multipart form: {error}", field="content-type") from error

    async def read(self, chunks: AsyncIterator[bytes]) -> None:
        """Reads the form to its end.

        Raises:
            RequestError: It is not a multipart form, or it is cut short.
            InvalidArgument: A field comes twice, has no name or is not UTF-8.
            PayloadTooLarge: Too many parts, or a field that is too long; what a sink raises passes through.
        """
        try:
            async for chunk in chunks:
                self._parser.write(chunk)
        except FormParserError as error:
            raise RequestError(f"not a multipart form: {error}", field="body") from error
        if not self._ended:
            raise RequestError("the multipart form is cut short", field="body")

    def _on_part_begin(self) -> None:
        if len(self._seen) >= _MAX_PARTS:
            raise PayloadTooLarge("too many parts in the form", field="body", limit=f"{_MAX_PARTS} parts")
        self._headers, self._sink, self._value = {}, None, bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._headers[name] = self._header_value.decode("utf-8", "replace")
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        disposition = Message()
        disposition["content-disposition"] = self._headers.get("content-disposition", "")
        parameters = dict(disposition.get_params(header="content-disposition", failobj=[]))
        self._name = _text(parameters.get("name"))
        if not self._name:
            raise InvalidArgument("a part of the form has no name", field="body")
        if self._name in self._seen:
            raise InvalidArgument(f"{self._name} is given twice", field=self._name, limit="once")
        self._seen.add(self._name)
        filename = disposition.get_filename("")
        if filename or self._name in self._file_fields:
            self._sink = self._open_file(self._name, filename, self._headers.get("content-type", ""))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MAX_FIELD_BYTES:
            raise PayloadTooLarge(f"{self._name} is too long", field=self._name, limit=f"{_MAX_FIELD_BYTES} bytes")

    def _on_part_end(self) -> None:
        if self._sink is not None:
            return
        try:
            self.fields[self._name] = self._value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"{self._name} is not UTF-8", field=self._name, limit="UTF-8") from error

    def _on_end(self) -> None:
        self._ended = True


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
