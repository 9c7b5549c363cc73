"""The composer as the mapping service sees it: a draft in, bars as they come, a finished draft out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

import numpy as np

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.music.composing.drafting import MODEL, Draft
from luce.server.music.composing.score import Score

_PREVIEW_EVERY: Final = 24
"""Tokens between two looks at what is written: less than a bar of most music."""

# Value of the model's output `kind`.
_FINAL: Final = b"final"


async def write(
    inference: InferenceClient, draft: Draft, *, timeout_s: float, on_bars: Callable[[Score], Awaitable[None]]
) -> str:
    """Write every section of a draft; leaving early frees the places in the model's batch.

    Args:
        inference: A client of the model server.
        draft: What to write; finished when this returns.
        timeout_s: Longest time of one section, seconds.
        on_bars: Called with the piece so far, up to its last complete bar.

    Returns:
        The version of the model.

    Raises:
        InvalidArgument: The model refuses a tensor.
        Unavailable: The model server is away, or full.
        DeadlineExceeded: It takes too long.
    """
    version = ""
    while (tensors := draft.request(preview_every=_PREVIEW_EVERY)) is not None:
        accepted = False
        async with aclosing(inference.stream(MODEL, tensors, deadline=timeout_s)) as answers:
            # To its very end: leaving after the last token would reach the server as a cancellation.
            async for answer in answers:
                tokens = np.asarray(answer.outputs["tokens"], np.int32)
                if answer.outputs["kind"].flat[0] == _FINAL:
                    draft.accept(tokens)
                    accepted, version = True, answer.version
                else:
                    await on_bars(draft.hear(tokens))
        if not accepted:
            raise Internal(f"{MODEL} ended without its tokens")
        await on_bars(draft.score)
    return version
