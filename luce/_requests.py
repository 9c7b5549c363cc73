"""Arguments of the SDK into requests of the contract."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypedDict

from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, mapping_pb2


class PaintOptions(TypedDict, total=False):
    """How a picture is to be painted. What is left out takes the server's default.

    Attributes:
        n: How many pictures, 1..8.
        seed: Seed of the first picture, any 64-bit value; picture i takes seed + i. Left out: drawn by the server.
        steps: Denoising steps, 1..100.
        guidance_scale: Classifier-free guidance scale, 0..15; 1 is none.
        size: Pixels, as (width, height) or "256x256"; each 192..512, a multiple of 32.
        negative_prompt: What the picture should not show; at most 1000 characters.
        preview_every: A preview every so many steps; 0: none.
        best_of: Candidates painted for each picture, 1..8, of which the best is kept.
        frames: Key pictures of an animation over the length of the music, 2..64; goes without `n` and `best_of`.
        animation_format: "mp4" (with the music; the default) or "gif".
        idempotency_key: Same key, same request: the same job. Left out: drawn, so that retries are safe.
    """

    n: int
    seed: int | None
    steps: int | None
    guidance_scale: float | None
    size: tuple[int, int] | str | None
    negative_prompt: str
    preview_every: int
    best_of: int | None
    frames: int | None
    animation_format: str
    idempotency_key: str | None


def parse_size(size: tuple[int, int] | str) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        InvalidArgument: It is neither a pair of numbers nor "WIDTHxHEIGHT".
    """
    if isinstance(size, str):
        match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", size.strip().lower())
        if match is None:
            raise InvalidArgument(f"size must be WIDTHxHEIGHT, such as 256x256, not {size!r}", field="size")
        return int(match[1]), int(match[2])
    width, height = size
    return width, height


_PLAIN: Final = (
    "n",
    "seed",
    "steps",
    "guidance_scale",
    "negative_prompt",
    "preview_every",
    "best_of",
    "frames",
    "animation_format",
)


def paint_request(prompt: str, options: PaintOptions) -> agents_pb2.PaintRequest:
    """A paint request without its audio. Ranges are the server's to check; only what cannot be sent fails here.

    Raises:
        InvalidArgument: A value that the message cannot hold, such as a negative seed.
        TypeError: An option that does not exist.
    """
    unknown = set(options) - set(PaintOptions.__annotations__)
    if unknown:
        raise TypeError(f"unknown paint options: {', '.join(sorted(unknown))}")
    wire: dict[str, int | float | str] = {}
    for name in _PLAIN:
        value = options.get(name)
        if value is not None:
            wire[name] = value  # type: ignore[assignment]
    size = options.get("size")
    if size is not None:
        wire["width"], wire["height"] = parse_size(size)
    request = agents_pb2.PaintRequest(prompt=prompt)
    for name, value in wire.items():
        try:
            setattr(request.options, name, value)
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{name}: {error}", field=name) from error
    # The bare message marks presence even where every option takes its default.
    request.options.SetInParent()
    return request


def embed_request(texts: Sequence[str]) -> mapping_pb2.EmbedRequest:
    """A request to embed these texts.

    Raises:
        InvalidArgument: One string instead of several, which would be read letter by letter.
    """
    if isinstance(texts, str):
        raise InvalidArgument("texts must be a list of strings, not one string", field="texts")
    return mapping_pb2.EmbedRequest(texts=list(texts))
