"""Engines over tiny decoders, without a server."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.autoregressive.engine import Engine, Limits
from backends.autoregressive.events import Event, Finished
from backends.autoregressive.generation import Generation
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.request import DecodingRequest
from tests.fixtures.tiny_language import MEMORY, write_player, write_writer

MakeEngine = Callable[..., Engine]
MakeFolder = Callable[..., Path]

NOTHING = np.empty((0, 1), dtype=np.int64)
SILENCE = np.empty((0, 4), dtype=np.int64)


def words(seed: int = 1, **values: Any) -> DecodingRequest:
    """A request for the writer."""
    given: dict[str, Any] = {"max_tokens": 12, "prefix": NOTHING, "prompt": "red sea", "temperature": 1.0, **values}
    return DecodingRequest(seed=seed, **given)


def notes(seed: int = 1, **values: Any) -> DecodingRequest:
    """A request for the player."""
    sound = np.linspace(-1, 1, MEMORY * 3, dtype=np.float32).reshape(MEMORY, 3)
    given: dict[str, Any] = {
        "max_tokens": 10,
        "prefix": SILENCE,
        "conditions": {"sound": sound},
        "temperature": 1.0,
        "top_k": 5,
        "guidance_scale": 3.0,
        **values,
    }
    return DecodingRequest(seed=seed, **given)


def drain(engine: Engine) -> dict[Hashable, list[Event]]:
    """Step until nothing is in flight."""
    told: dict[Hashable, list[Event]] = {}
    for _ in range(5000):
        if not len(engine):
            return told
        for key, events in engine.step().items():
            told.setdefault(key, []).extend(events)
    raise AssertionError("the requests do not come to an end")


def result(events: list[Event]) -> Finished:
    """The last event, which has to be a result."""
    last = events[-1]
    assert isinstance(last, Finished), last
    return last


def alone(engine: Engine, request: DecodingRequest) -> Finished:
    """Run one request in an empty engine."""
    engine.submit("alone", request)
    return result(drain(engine)["alone"])


def same(one: Finished, other: Finished) -> bool:
    """Whether two results agree to the last bit, but for their timings."""
    media = [b"" if found.media is None else found.media.tobytes() for found in (one, other)]
    return (
        one.tokens.tolist() == other.tokens.tolist()
        and (one.reason, one.log_probability) == (other.reason, other.log_probability)
        and media[0] == media[1]
    )


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> MakeFolder:
    """Writes one of the tiny models and answers its version folder; equal ones are written once."""
    made: dict[str, Path] = {}

    def make(model: str = "writer", **changes: Any) -> Path:
        name = repr((model, changes))
        if name not in made:
            folder = tmp_path_factory.mktemp("model") / model
            (write_writer if model == "writer" else write_player)(folder, **changes)
            made[name] = folder / "1"
        return made[name]

    return make


@pytest.fixture(scope="session")
def make_engine(make_folder: MakeFolder) -> MakeEngine:
    """Builds an engine over one of the tiny models."""

    def make(model: str = "writer", *, rows: int = 8, waiting: int = 16, **changes: Any) -> Engine:
        options = Options(max_rows=8, limits=Limits(rows, waiting), threads=1)
        engine, _, _ = load_engine(make_folder(model, **changes), options)
        return engine

    return make


def generation_of(engine: Engine) -> Generation:
    """The description that an engine was made from."""
    return engine._parts.generation
