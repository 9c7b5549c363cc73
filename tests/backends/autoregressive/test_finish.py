"""Chunks of media: cuts, context and fades, and that timing does not matter."""

from __future__ import annotations

import numpy as np
import pytest

from backends.autoregressive.events import Failed, Finished, Partial
from tests.backends.autoregressive.conftest import MakeEngine, alone, drain, notes

CODEC = {"graph": "codec.onnx", "input": "codes", "output": "audio", "hop": 6}


@pytest.mark.parametrize(("context", "fade"), [(1, 0), (2, 3)])
@pytest.mark.parametrize("frames", [1, 3, 4, 9, 17])
def test_with_enough_context_chunks_are_what_the_whole_is(
    make_engine: MakeEngine, frames: int, context: int, fade: int
) -> None:
    """The tiny codec hears one frame on either side; what fades out has to have heard it too."""
    whole = alone(make_engine("player", finish=CODEC), notes(max_tokens=frames))
    chunked = {**CODEC, "chunk": 4, "left": context, "right": context, "crossfade": fade}
    pieces = alone(make_engine("player", finish=chunked), notes(max_tokens=frames))
    assert whole.media is not None
    assert pieces.media is not None
    assert pieces.tokens.tolist() == whole.tokens.tolist()
    assert pieces.media.shape == whole.media.shape == (1, frames * 6)
    np.testing.assert_allclose(pieces.media, whole.media, atol=1e-6)


def test_without_context_the_fade_joins_what_differs(make_engine: MakeEngine) -> None:
    whole = alone(make_engine("player", finish=CODEC), notes(max_tokens=12))
    short = {**CODEC, "chunk": 4, "left": 0, "right": 1, "crossfade": 6}
    pieces = alone(make_engine("player", finish=short), notes(max_tokens=12))
    assert whole.media is not None
    assert pieces.media is not None
    different = np.flatnonzero(np.abs(pieces.media - whole.media)[0] > 1e-6)
    # A chunk that hears nothing to its left is wrong in its first frame alone.
    assert {int(sample) // 6 for sample in different} == {4, 8}


def test_chunks_come_while_the_tokens_do(make_engine: MakeEngine) -> None:
    engine = make_engine("player")
    engine.submit("it", notes(max_tokens=20, preview_every=20))
    *partials, last = drain(engine)["it"]
    heard = [event.count for event in partials if isinstance(event, Partial) and event.media is not None]
    assert isinstance(last, Finished)
    # Four frames a chunk and two more to its right.
    assert heard == [6, 10, 14, 18, 20]


def test_one_chunk_a_step_so_that_nobody_waits_for_all_of_another_ones_media(make_engine: MakeEngine) -> None:
    engine = make_engine("player", finish={**CODEC, "chunk": 2})
    for index in range(3):
        engine.submit(index, notes(seed=index, max_tokens=8, preview_every=1))
    while len(engine):
        events = engine.step()
        told = [event for events in events.values() for event in events if isinstance(event, Partial)]
        assert sum(event.media is not None for event in told) <= 1


def test_samples_that_are_not_finite_are_an_internal_error(make_engine: MakeEngine) -> None:
    engine = make_engine("player")
    finisher = engine._parts.finisher
    assert finisher is not None
    whole = finisher._graph
    finisher._graph = lambda *a: [found * np.nan for found in whole(*a)]  # type: ignore[assignment]
    engine.submit("it", notes())
    last = drain(engine)["it"][-1]
    assert isinstance(last, Failed)
    assert (last.code, last.message) == ("INTERNAL", "the model produced samples that are not finite")
    finisher._graph = whole
    assert alone(engine, notes()).reason == "length"
