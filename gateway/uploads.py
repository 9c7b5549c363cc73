"""Files on their way in: bounded in size each and in memory together, told apart by their first bytes."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from luce.errors import MalformedMedia, PayloadTooLarge, ResourceExhausted, UnsupportedMediaType

# Enough for every container that `sniff` knows.
_HEAD_BYTES: Final = 512
_FILENAME_CHARACTERS: Final = 128
_UNSAFE = re.compile(r"[^\w .,()\[\]+@~-]", re.UNICODE)


def safe_filename(name: str, fallback: str) -> str:
    """A name that is no path, ends no header and hides no control character."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    clean = _UNSAFE.sub("_", last).strip(" .")
    if not clean.strip("_"):
        return fallback
    stem, dot, suffix = clean.rpartition(".")
    if len(clean) > _FILENAME_CHARACTERS and dot and len(suffix) < 16:
        return f"{stem[: _FILENAME_CHARACTERS - len(suffix) - 1]}.{suffix}"
    return clean[:_FILENAME_CHARACTERS]


class UploadBudget:
    """Bytes of uploads that may lie in memory, over all requests."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0

    def reserve(self, size: int) -> None:
        """Takes `size` bytes of the budget.

        Raises:
            ResourceExhausted: So much is not free at the moment.
        """
        if self.used + size > self.capacity:
            raise ResourceExhausted("too many uploads at once", limit=f"{self.capacity} bytes", retry_after=1.0)
        self.used += size

    def release(self, size: int) -> None:
        """Gives back what was reserved."""
        self.used -= size

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Takes `size` bytes of the budget for a block; raises as `reserve` does."""
        self.reserve(size)
        try:
            yield
        finally:
            self.release(size)


class Upload:
    """One file that is being received; a context manager that gives its memory back.

    Args:
        budget: Where its memory comes from.
        field: The request's field, for messages.
        max_bytes: Refused past this size.
        sniff: First bytes to media type, None for what is not known.
        accepts: Prefixes of the media types that are taken, such as "audio/"; "" takes all that `sniff` knows.

    Attributes:
        media_type: Told by the first bytes; "" until they have come.
        duration_s: Of audio, once somebody has looked at it; infinite before, and where it is not known.
    """

    def __init__(
        self,
        budget: UploadBudget,
        *,
        field: str,
        max_bytes: int,
        sniff: Callable[[bytes], str | None],
        accepts: str | tuple[str, ...] = "",
        filename: str = "",
    ) -> None:
        self.field = field
        self.filename = filename
        self.media_type = ""
        self.duration_s = math.inf
        self._budget = budget
        self.max_bytes = max_bytes
        self._sniff = sniff
        self._accepts = accepts
        self._data = bytearray()
        self._reserved = 0

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def takes_anything(self) -> bool:
        """Whether any kind of file is taken."""
        return not self._accepts

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return len(self._data)

    def expect(self, size: int) -> None:
        """Reserves memory for a size that was announced, so that what cannot fit is refused before it is sent.

        Raises:
            PayloadTooLarge: It is announced as too large.
            ResourceExhausted: Too many uploads at once.
        """
        if size > self.max_bytes:
            raise PayloadTooLarge(
                f"{self.field} has {size} bytes; at most {self.max_bytes} are allowed",
                field=self.field,
                limit=f"{self.max_bytes} bytes",
            )
        if size > self._reserved:
            self._budget.reserve(size - self._reserved)
            self._reserved = size

    def write(self, data: bytes) -> None:
        """Takes the next bytes.

        Raises:
            PayloadTooLarge: Past the limit.
            UnsupportedMediaType: The first bytes are of nothing that is taken here.
            ResourceExhausted: Too many uploads at once.
        """
        size = len(self._data) + len(data)
        if size > self.max_bytes:
            raise PayloadTooLarge(
                f"{self.field} has more than {self.max_bytes} bytes",
                field=self.field,
                limit=f"{self.max_bytes} bytes",
            )
        self.expect(size)
        self._data += data
        if not self.media_type and size >= _HEAD_BYTES:
            self._identify()

    def finish(self) -> bytes:
        """All bytes, once the last has come.

        Raises:
            MalformedMedia: There are none.
            UnsupportedMediaType: They are of nothing that is taken here.
        """
        if not self._data:
            raise MalformedMedia(f"{self.field} is empty", field=self.field, limit="at least 1 byte")
        if not self.media_type:
            self._identify()
        return bytes(self._data)

    def close(self) -> None:
        """Forgets the bytes and gives the memory back."""
        self._data = bytearray()
        self._budget.release(self._reserved)
        self._reserved = 0

    def _identify(self) -> None:
        found = self._sniff(bytes(self._data[:_HEAD_BYTES]))
        if found is None or not found.startswith(self._accepts):
            told = found or "of an unknown format"
            kinds = (self._accepts,) if isinstance(self._accepts, str) else self._accepts
            wanted = " or ".join(kind.rstrip("/") for kind in kinds) or "audio, MIDI, image or video"
            raise UnsupportedMediaType(f"{self.field} is {told}, not {wanted}", field=self.field, limit=wanted)
        self.media_type = found
