"""Engines over tiny models, without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.diffusion.engine import Engine, Limits, Scheduling
from backends.diffusion.loading import Options, load_engine
from backends.diffusion.pipeline import Pipeline

MakeEngine = Callable[..., tuple[Engine, Pipeline]]


@pytest.fixture(scope="session")
def make_engine(tiny_repository: Path) -> MakeEngine:
    """Builds an engine over one of the tiny models."""

    def make(
        model: str = "tiny_flow", *, running: int = 8, waiting: int = 8, scheduling: Scheduling = "iteration"
    ) -> tuple[Engine, Pipeline]:
        options = Options(limits=Limits(running, waiting), scheduling=scheduling, threads=1)
        engine, pipeline, _ = load_engine(tiny_repository / model / "1", options)
        return engine, pipeline

    return make
