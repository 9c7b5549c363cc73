"""Messages between a decoder process and its owner: a JSON header and raw bytes, nothing that runs code when read."""

from __future__ import annotations

import json
import struct
from typing import Any, Final

PREFIX: Final = struct.Struct("<IQ")
"""Length of the header and of the payload, bytes."""

MAX_HEADER_BYTES: Final = 1 << 20


def pack(header: dict[str, Any], payload: bytes) -> tuple[bytes, bytes]:
    """Prefix and header as one piece, and the payload as it is."""
    text = json.dumps(header).encode()
    return PREFIX.pack(len(text), len(payload)) + text, payload


def unpack_prefix(prefix: bytes) -> tuple[int, int]:
    """Length of the header and of the payload. Raises ValueError for a header over the limit."""
    header, payload = PREFIX.unpack(prefix)
    if header > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {header} bytes; at most {MAX_HEADER_BYTES}")
    return header, payload
