"""The paint job: decode, listen, imagine, paint, store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final, TypeVar

from luce import __version__
from luce.errors import LuceError, RequestError
from luce.server.jobs import JobContext
from luce.server.media import encode_png
from luce.v1 import agents_pb2, jobs_pb2
from services.agents import generator
from services.agents.generator import Picture, PictureGenerator, PictureOrder, Step
from services.agents.hearing import Hearing
from services.agents.imagining import Imagination
from services.agents.orders import PaintOrder, paint_order, seed_of
from services.agents.patience import patiently
from services.agents.settings import AgentsSettings

_log = logging.getLogger(__name__)

MAX_PICTURE_BYTES: Final = 8 * 1024 * 1024
# Of the whole work, when each part is done.
_DECODED, _HEARD, _IMAGINED, _PAINTED = 0.04, 0.14, 0.15, 0.97

T = TypeVar("T")


class Painter:
    """The handler of paint jobs. One instance serves any number at once.

    Args:
        hearing: Listens.
        imagination: Makes prompts.
        pictures: The picture model.
        settings: Time limits and the licence.
    """

    def __init__(
        self,
        hearing: Hearing,
        imagination: Imagination,
        pictures: PictureGenerator,
        settings: AgentsSettings,
    ) -> None:
        self._hearing = hearing
        self._imagination = imagination
        self._pictures = pictures
        self._settings = settings

    async def __call__(self, task: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
        """Run one job.

        The same task and seed give the same bytes. While the model server is away the job waits, until its deadline.

        Raises:
            RequestError: The request or its audio is at fault.
            ServiceError: Something else is; another attempt may succeed.
        """
        order = paint_order(task.task.paint)
        music = await self._listen(order, context) if order.audio_key else None
        with context.stage("imagine"):
            prompts = self._imagination.imagine(music, order.text, order.count, context.seed)
            for prompt in prompts:
                if order.negative_text:
                    prompt.negative_text = ", ".join(filter(None, (order.negative_text, prompt.negative_text)))
                await context.partial(prompt=prompt)
        await context.progress("paint", _IMAGINED)
        with context.stage("paint"):
            pictures = await self._paint(order, prompts, context)
        await context.progress("store", _PAINTED)
        with context.stage("store"):
            stored = [
                await self._store(index, order, prompt, picture, music, context)
                for index, (prompt, picture) in enumerate(zip(prompts, pictures, strict=True))
            ]
        return jobs_pb2.Job.Result(paint=agents_pb2.PaintResult(images=stored, music=music))

    async def _listen(self, order: PaintOrder, context: JobContext) -> agents_pb2.MusicDescription:
        music = await self._hearing.hear(order.audio_key, context, decoded=_DECODED)
        await context.progress("imagine", _HEARD)
        return music

    async def _paint(self, order: PaintOrder, prompts: list[agents_pb2.Prompt], context: JobContext) -> list[Picture]:
        """All pictures at once: they share the model's batch."""
        done = [0.0] * len(prompts)

        async def one(index: int, prompt: agents_pb2.Prompt) -> Picture:
            async def on_step(step: Step) -> None:
                done[index] = max(done[index], step.step / step.steps)
                share = sum(done) / len(done)
                await context.progress("paint", _IMAGINED + share * (_PAINTED - _IMAGINED))
                if step.preview is not None:
                    png = await asyncio.to_thread(encode_png, step.preview)
                    await context.preview(index, step.step, step.steps, png)

            wanted = PictureOrder(
                prompt=prompt.text,
                negative_prompt=prompt.negative_text,
                seed=seed_of(context.seed, index),
                steps=order.steps,
                guidance_scale=order.guidance_scale,
                width=order.width,
                height=order.height,
                preview_every=order.preview_every,
            )
            return await patiently(
                lambda: self._pictures.paint(
                    wanted,
                    timeout_s=min(self._settings.picture_timeout_s, context.deadline.remaining()),
                    on_step=on_step,
                ),
                deadline=context.deadline,
                longest_pause_s=self._settings.outage_pause_s,
                what=f"job {context.job_id}",
            )

        return await _all([one(index, prompt) for index, prompt in enumerate(prompts)])

    async def _store(
        self,
        index: int,
        order: PaintOrder,
        prompt: agents_pb2.Prompt,
        picture: Picture,
        music: agents_pb2.MusicDescription | None,
        context: JobContext,
    ) -> agents_pb2.PaintedImage:
        context.used_model(generator.MODEL, picture.model_version)
        seed = seed_of(context.seed, index)
        provenance = {
            "Description": prompt.text,
            "Software": f"Luce {__version__}",
            "luce:negative_prompt": prompt.negative_text,
            "luce:seed": str(seed),
            "luce:steps": str(picture.steps),
            "luce:guidance_scale": "default" if order.guidance_scale is None else f"{order.guidance_scale:g}",
            "luce:model": f"{generator.MODEL} {picture.model_version}",
            "luce:weights_licence": self._settings.weights_licence,
        }
        if music is not None:
            provenance["luce:music_emotion"] = (
                f"valence {music.emotion.valence:+.3f}, arousal {music.emotion.arousal:+.3f}"
            )
        png = await asyncio.to_thread(encode_png, picture.pixels, provenance)
        blob = await context.objects.put(
            png,
            media_type="image/png",
            filename=f"luce-{seed}.png",
            owner=context.owner,
            max_bytes=MAX_PICTURE_BYTES,
            kind="result",
        )
        image = agents_pb2.PaintedImage(
            image=blob, prompt=prompt, seed=seed, width=picture.pixels.shape[1], height=picture.pixels.shape[0]
        )
        await context.partial(image=image)
        return image


async def _all(work: list[Awaitable[T]]) -> list[T]:
    """The results in order. Where one fails the others are cancelled, and its error is raised as it is."""

    async def run(one: Awaitable[T]) -> T:
        return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(one)) for one in work]
    except BaseExceptionGroup as failures:
        raise _worst(failures) from None
    return [task.result() for task in tasks]


def _worst(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """A fault of the request if there is one, else the first of ours, else the first."""
    errors = failures.exceptions
    for kind in (RequestError, LuceError):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]
