"""Audio to send: a path, bytes or an open file, read in chunks and, where it can be, more than once."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from luce.errors import InvalidArgument, Unavailable
from luce.v1 import media_pb2

Source: TypeAlias = "str | PathLike[str] | bytes | BinaryIO"
"""A path, the bytes themselves, or a file opened for reading bytes."""

CHUNK_BYTES: Final = 512 * 1024


class Upload:
    """One file on its way to the server. Calling it gives the messages of an upload, from the beginning.

    Args:
        source: What to send.
        field: The request's field that it stands for, for messages.

    Attributes:
        filename: The file's name without its folder; "" where it has none.

    Raises:
        InvalidArgument: The path cannot be read, or the source is none of the three kinds.
    """

    def __init__(self, source: Source, *, field: str) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self.filename = ""
        self._begun = False
        if isinstance(source, bytes | bytearray | memoryview):
            self._file = io.BytesIO(source)
        elif isinstance(source, str | PathLike):
            self._path = Path(source)
            self.filename = self._path.name
            try:
                self._path.open("rb").close()
            except OSError as error:
                raise InvalidArgument(f"{field}: cannot read {source}: {error.strerror}", field=field) from error
        elif hasattr(source, "read"):
            self._file = source
            self.filename = Path(str(getattr(source, "name", ""))).name
        else:
            kind = type(source).__name__
            raise InvalidArgument(f"{field} must be a path, bytes or a file opened for bytes, not {kind}", field=field)
        self._start = self._file.tell() if self._file is not None and self._file.seekable() else None

    def __call__(self) -> Iterator[media_pb2.UploadRequest]:
        """The header, then the chunks.

        Raises:
            Unavailable: A second reading of a file that cannot go back.
        """
        if self._file is not None and self._begun and self._start is None:
            raise Unavailable("the upload broke off and its source cannot be read again")
        self._begun = True
        return self._messages()

    def _messages(self) -> Iterator[media_pb2.UploadRequest]:
        yield media_pb2.UploadRequest(header=media_pb2.UploadHeader(filename=self.filename))
        if self._path is not None:
            with self._path.open("rb") as file:
                yield from self._chunks(file)
        elif self._file is not None:
            if self._start is not None:
                self._file.seek(self._start, os.SEEK_SET)
            yield from self._chunks(self._file)

    @staticmethod
    def _chunks(file: BinaryIO) -> Iterator[media_pb2.UploadRequest]:
        while chunk := file.read(CHUNK_BYTES):
            yield media_pb2.UploadRequest(chunk=chunk)
