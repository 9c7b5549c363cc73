"""What a running request tells its client."""

from __future__ import annotations

from dataclasses import dataclass

from backends.diffusion.decode import Pixels
from backends.diffusion.noise import FloatArray


@dataclass(frozen=True, slots=True)
class Progress:
    """A step is done; `image` is a preview at latent size (h, w, 3) where one was asked for."""

    step: int
    steps: int
    image: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in microseconds of the backend's monotonic clock.

    Attributes:
        queue_us: from arrival to the first step's start, without `condition_us`.
        condition_us: text encoding.
        denoise_us: from the first step's start to the last one's end; others' rows are in it.
        decode_us: from latents to pixels.
    """

    queue_us: int
    condition_us: int
    denoise_us: int
    decode_us: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The result: `image` (H, W, 3) for pictures, `embedding` for models over embeddings."""

    steps: int
    timings: Timings
    image: Pixels | None = None
    embedding: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The request ends without a result; code and message as in `RequestFailed`."""

    code: str
    message: str


Event = Progress | Finished | Failed
