"""Many pictures of one job at once: they share the model's batch, and tell together how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from luce.server.jobs import JobContext
from luce.server.jobs.together import together
from luce.server.media import encode_png
from services.agents.generator import MODEL, Picture, PictureGenerator, PictureOrder, Step
from services.agents.settings import AgentsSettings

STAGE: Final = "paint"


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of the whole work something is, as fractions of it."""

    start: float
    end: float

    def at(self, share: float) -> float:
        """The fraction of the whole when this share of the part is done."""
        return self.start + share * (self.end - self.start)


class Easel:
    """Paints what a job orders.

    Args:
        pictures: The picture model.
        settings: Time limits, and how many pictures one job has in flight.
    """

    def __init__(self, pictures: PictureGenerator, settings: AgentsSettings) -> None:
        self._pictures = pictures
        self._settings = settings

    async def paint(
        self, orders: Sequence[PictureOrder], context: JobContext, span: Span, *, shown: Sequence[int | None]
    ) -> list[Picture]:
        """Paint all of them, in any order; while the model server is away wait, until the job's deadline.

        Args:
            orders: What to paint.
            context: The running job; progress and previews are told to it.
            span: Which part of the job this is.
            shown: For each order, as which picture its previews are shown; None: not at all.

        Raises:
            RequestError: The model refuses a field.
            ServiceError: Something else is at fault; another attempt may succeed.
        """
        done = [0.0] * len(orders)
        places = asyncio.Semaphore(self._settings.pictures_in_flight)
        patiently = context.patience(self._settings.outage_pause_s)

        async def one(place: int) -> Picture:
            async def on_step(step: Step) -> None:
                done[place] = max(done[place], step.step / step.steps)
                await context.progress(STAGE, span.at(sum(done) / len(done)))
                index = shown[place]
                if step.preview is not None and index is not None:
                    png = await asyncio.to_thread(encode_png, step.preview)
                    await context.preview(index, step.step, step.steps, png)

            async with places:
                return await patiently(
                    lambda: self._pictures.paint(
                        orders[place],
                        timeout_s=min(self._settings.picture_timeout_s, context.deadline.remaining()),
                        on_step=on_step,
                    )
                )

        async with together() as group:
            tasks = [group.create_task(one(place)) for place in range(len(orders))]
        painted = [task.result() for task in tasks]
        context.used_model(MODEL, painted[0].model_version)
        return painted
