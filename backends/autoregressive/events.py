"""What a running request tells its client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Partial:
    """News of a request that goes on.

    Attributes:
        tokens: what is new since the last time: (n,) ids, or (n, K) frames of K codebooks.
        count: tokens or frames so far.
        total: the most there can be.
        media: what the `finish` graph made of new frames (..., samples); None where there is nothing new.
    """

    tokens: Ids
    count: int
    total: int
    media: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in microseconds of the backend's monotonic clock.

    Attributes:
        queue_us: from arrival to the encoder's start.
        encode_us: encoder and prefill.
        decode_us: from the first step's start to the last one's end; others' rows are in it.
        finish_us: from the last step to the end of the `finish` graph's last chunk.
    """

    queue_us: int
    encode_us: int
    decode_us: int
    finish_us: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The result.

    Attributes:
        tokens: (n,) ids, or (n, K) frames of K codebooks; prefix, end and stop sequence are left out.
        total: the most there could have been.
        reason: "eos", "stop" (a stop sequence) or "length".
        log_probability: sum of the natural logarithms of what the guided model gave each token at temperature 1.
        timings: where the time went.
        media: what the `finish` graph made of all frames (..., samples); None for models without one.
    """

    tokens: Ids
    total: int
    reason: str
    log_probability: float
    timings: Timings
    media: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The request ends without a result; code and message as in `RequestFailed`."""

    code: str
    message: str


Event = Partial | Finished | Failed
