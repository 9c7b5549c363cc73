"""Progress of paintings: bars on a terminal where `rich` is installed, plain lines otherwise."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from luce._events import (
    ChainTold,
    ImagePainted,
    JobEvent,
    MusicHeard,
    PieceWritten,
    Progress,
    PromptWritten,
    StateChanged,
)
from luce._types import JobState, MusicDescription
from luce.cli.output import say


class Board(Protocol, AbstractContextManager[Any]):
    """Shows how several paintings go."""

    def begin(self, name: str) -> None:
        """A painting begins."""

    def show(self, name: str, event: JobEvent) -> None:
        """Something happened to it."""

    def end(self, name: str, outcome: str) -> None:
        """It is over."""


def make_board(*, quiet: bool) -> Board:
    """The board that fits where standard error goes."""
    if quiet:
        return Silent()
    if sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        return Bars()
    return Lines()


def heard(music: MusicDescription) -> str:
    """What was heard, in a few words."""
    if music.silent:
        return "silence"
    words = [f"{music.emotion.quadrant} (valence {music.emotion.valence:+.2f}, arousal {music.emotion.arousal:+.2f})"]
    if music.key:
        words.append(music.key)
    if music.tempo_bpm:
        words.append(f"{music.tempo_bpm:.0f} bpm")
    return ", ".join(words)


def _news(event: JobEvent) -> str | None:
    """What of an event is worth a line."""
    match event:
        case StateChanged(job=job) if job.state is JobState.QUEUED:
            return f"queued, {job.position} ahead" if job.position else "queued"
        case MusicHeard(music=music):
            return f"heard {heard(music)}"
        case PromptWritten(prompt=prompt):
            return f"imagines {prompt.text}"
        case ImagePainted(picture=picture):
            return f"painted {picture.width}x{picture.height}, seed {picture.seed}"
        case ChainTold(step=step) if step.stage in ("seen", "read", "composed"):
            return f"{step.stage}: {step.text}"
        case PieceWritten(piece=piece):
            return f"wrote {piece.duration_s:.0f} s in {piece.key}, {piece.notes} notes, seed {piece.seed}"
        case _:
            return None


class _Silence:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Silent(_Silence):
    """Shows nothing."""

    def begin(self, name: str) -> None:
        """See `Board`."""

    def show(self, name: str, event: JobEvent) -> None:
        """See `Board`."""

    def end(self, name: str, outcome: str) -> None:
        """See `Board`."""


class Lines(_Silence):
    """A line for each thing worth telling."""

    def __init__(self) -> None:
        self._stages: dict[str, str] = {}

    def begin(self, name: str) -> None:
        """See `Board`."""

    def show(self, name: str, event: JobEvent) -> None:
        """See `Board`."""
        if isinstance(event, Progress) and self._stages.get(name) != event.stage:
            self._stages[name] = event.stage
            say(f"{name}: {event.stage} ({event.fraction:.0%})")
        news = _news(event)
        if news is not None:
            say(f"{name}: {news}")

    def end(self, name: str, outcome: str) -> None:
        """See `Board`."""
        say(f"{name}: {outcome}")


class Bars:
    """A bar for each painting, with the news above."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[stage]}"),
            console=Console(stderr=True, highlight=False),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, name: str) -> None:
        """See `Board`."""
        self._tasks[name] = self._bars.add_task(_escaped(name), total=1.0, stage="")

    def show(self, name: str, event: JobEvent) -> None:
        """See `Board`."""
        if isinstance(event, Progress):
            eta = "" if event.eta_s is None else f", {event.eta_s:.0f} s left"
            self._bars.update(self._tasks[name], completed=event.fraction, stage=f"{event.stage}{eta}")
        news = _news(event)
        if news is not None:
            self._bars.console.print(f"{name}: {news}", markup=False)

    def end(self, name: str, outcome: str) -> None:
        """See `Board`."""
        task = self._tasks[name]
        self._bars.update(task, completed=1.0, stage=_escaped(outcome))
        self._bars.stop_task(task)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
