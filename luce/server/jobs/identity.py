"""Names: job ids, owners' places in the store, kinds, and what makes two tasks the same."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Final

from google.protobuf.message import Message

from luce.errors import InvalidArgument
from luce.v1 import jobs_pb2, media_pb2

# Crockford's base 32 in lower case: no letter that reads like a digit; its order is that of the numbers.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID: Final = re.compile(f"[{_ALPHABET}]{{26}}")
_TIME_BITS: Final = 48
_RANDOM_BITS: Final = 80

MAX_DRAWN_SEED: Final = 2**32 - 1


def new_job_id() -> str:
    """A new id: 48 bits of time (ms), so that ids sort by age, and 80 random bits, so that nobody guesses it."""
    value = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_job_id(text: str) -> bool:
    """Whether this can be an id; all that is not never reaches a subject."""
    return _ID.fullmatch(text) is not None


def owner_token(owner: str) -> str:
    """The owner as one token of a key: 80 bits of SHA-256."""
    return hashlib.sha256(owner.encode()).hexdigest()[:20]


def record_key(owner: str, job_id: str) -> str:
    """The key of a job's record: one owner's jobs lie together, in order of age."""
    return f"{owner_token(owner)}.{job_id}"


def idempotency_record_key(owner: str, idempotency_key: str) -> str:
    """The key of an idempotency record; the client's own text never becomes part of a subject."""
    return f"{owner_token(owner)}.{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"


def kind_of(task: jobs_pb2.Task) -> str:
    """The kind of the work, such as "paint". Raises `InvalidArgument` where the task is empty."""
    kind = task.WhichOneof("kind")
    if kind is None:
        raise InvalidArgument("the task is empty", field="task")
    return str(kind)


def ensure_seed(task: jobs_pb2.Task) -> int:
    """The task's seed; where it has none, one is drawn (0..2^32 - 1, short enough to type again) and put into it.

    0 where the work draws no random numbers.
    """
    work = getattr(task, kind_of(task))
    if "options" not in work.DESCRIPTOR.fields_by_name:
        return 0
    options = work.options
    if not options.HasField("seed"):
        options.seed = secrets.randbelow(MAX_DRAWN_SEED + 1)
    return int(options.seed)


def fingerprint(task: jobs_pb2.Task) -> str:
    """SHA-256 of what the task asks for, 64 hexadecimal digits.

    Blobs count by content: a client that repeats a request uploads the same file again and gets another key.
    """
    bare = jobs_pb2.Task()
    bare.CopyFrom(task)
    _forget_keys(bare)
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def _forget_keys(message: Message) -> None:
    if isinstance(message, media_pb2.BlobRef):
        message.key = ""
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for child in [value] if isinstance(value, Message) else list(value):
            if isinstance(child, Message):
                _forget_keys(child)
