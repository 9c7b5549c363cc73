"""The paint job: decode, listen, imagine, paint, look, store; with key pictures also film."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from luce.server.jobs import JobContext
from luce.server.media import Audio, MediaDecoder, encode_png
from luce.server.media.animation import AUDIO_RATE
from luce.server.music.midi import MAGIC
from luce.v1 import agents_pb2, emotion_pb2, jobs_pb2
from services.agents import provenance
from services.agents.easel import Easel, Span
from services.agents.generator import Picture, PictureGenerator, PictureOrder
from services.agents.hearing import Hearing
from services.agents.imagining import MAX_PROMPTS, Imagination
from services.agents.measuring import Measured, PictureCritic, best
from services.agents.orders import PaintOrder, candidate_seed, paint_order, seed_of
from services.agents.screening import Screening
from services.agents.sequence import moments_of
from services.agents.settings import AgentsSettings

MAX_PICTURE_BYTES: Final = 8 * 1024 * 1024
MAX_ANIMATION_BYTES: Final = 256 * 1024 * 1024
# Of the whole work, when each part is done.
_DECODED, _HEARD, _IMAGINED, _PAINTED, _SEEN = 0.04, 0.14, 0.15, 0.92, 0.97
_FRAMES_PAINTED, _FRAMES_SEEN, _FILMED = 0.60, 0.63, 0.97


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """One candidate of one picture of the result.

    Attributes:
        prompt: What it shows.
        emotion: How the music feels at it; None without music.
        seed: Of the noise that it starts from.
        time_s: When it is seen in an animation, seconds.
    """

    prompt: agents_pb2.Prompt
    emotion: emotion_pb2.Emotion | None
    seed: int
    time_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """One picture of the result, painted and chosen.

    Attributes:
        wanted: What it was to be.
        order: What was asked of the model.
        picture: What came of it.
        measured: How it fits.
        candidate: Which of the picture's candidates it is.
    """

    wanted: _Wanted
    order: PictureOrder
    picture: Picture
    measured: Measured
    candidate: int


class Painter:
    """The handler of paint jobs. One instance serves any number at once.

    Args:
        hearing: Listens.
        imagination: Makes prompts.
        pictures: The picture model.
        critic: Looks at pictures.
        decoder: Media decoder, started; reads the music once more for the sound of an animation.
        settings: Time limits and the licence.
    """

    def __init__(
        self,
        hearing: Hearing,
        imagination: Imagination,
        pictures: PictureGenerator,
        critic: PictureCritic,
        decoder: MediaDecoder,
        settings: AgentsSettings,
    ) -> None:
        self._hearing = hearing
        self._imagination = imagination
        self._easel = Easel(pictures, settings)
        self._critic = critic
        self._decoder = decoder
        self._screening = Screening(settings)
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
            patiently = context.patience(self._settings.outage_pause_s)
            imagined = await patiently(
                lambda: self._imagination.imagine(music, order.text, prompt_count(order), context.seed, order.agents)
            )
            prompts = list(imagined.prompts)
            for prompt in prompts:
                prompt.negative_text = ", ".join(filter(None, (order.negative_text, prompt.negative_text)))
            wanted = _wanted(order, music, prompts, context.seed)
            for prompt in _distinct(one.prompt for picture in wanted for one in picture):
                await context.partial(prompt=prompt)
        await context.progress("paint", _IMAGINED)
        kept = await self._paint(order, wanted, context)
        result = agents_pb2.PaintResult(music=music, report=imagined.report if order.explain else None)
        if order.frames and music is not None:
            result.animation.CopyFrom(await self._film(order, kept, music, context))
        await context.progress("store", _FILMED)
        with context.stage("store"):
            for chosen in kept:
                image = await self._store(chosen, order, context)
                result.images.append(image)
                await context.partial(image=image)
        return jobs_pb2.Job.Result(paint=result)

    async def _listen(self, order: PaintOrder, context: JobContext) -> agents_pb2.MusicDescription:
        music = await self._hearing.hear(order.audio_key, context, decoded=_DECODED, heard=_HEARD)
        if order.frames:
            self._screening.check(music.duration_s, order.animation_format)
        await context.progress("imagine", _HEARD)
        return music

    async def _paint(self, order: PaintOrder, wanted: Sequence[Sequence[_Wanted]], context: JobContext) -> list[_Kept]:
        """Every candidate of every picture, and the best of each."""
        painted, seen = (_FRAMES_PAINTED, _FRAMES_SEEN) if order.frames else (_PAINTED, _SEEN)
        each = [one for picture in wanted for one in picture]
        orders = [_picture_order(order, one.prompt, one.seed) for one in each]
        # Of several candidates the first is the one that is shown in the making.
        shown = [index if number == 0 else None for index, some in enumerate(wanted) for number in range(len(some))]
        with context.stage("paint"):
            pictures = await self._easel.paint(orders, context, Span(_IMAGINED, painted), shown=shown)
        await context.progress("look", painted)
        with context.stage("look"):
            measured = await self._look(each, pictures, context)
        for model, version in measured[0].models:
            context.used_model(model, version)
        await context.progress("look", seen)
        kept: list[_Kept] = []
        first = 0
        for candidates in wanted:
            choice = best(measured[first : first + len(candidates)])
            place = first + choice
            kept.append(_Kept(each[place], orders[place], pictures[place], measured[place], choice))
            first += len(candidates)
        return kept

    async def _look(
        self, wanted: Sequence[_Wanted], pictures: Sequence[Picture], context: JobContext
    ) -> list[Measured]:
        async def look() -> list[Measured]:
            meant = await self._critic.read([one.prompt for one in wanted], [one.emotion for one in wanted])
            return await self._critic.measure([picture.pixels for picture in pictures], meant)

        return await context.patience(self._settings.outage_pause_s)(look)

    async def _film(
        self, order: PaintOrder, kept: Sequence[_Kept], music: agents_pb2.MusicDescription, context: JobContext
    ) -> agents_pb2.Animation:
        await context.progress("film", _FRAMES_SEEN)
        span = Span(_FRAMES_SEEN, _FILMED)
        with context.stage("film"):
            film = await self._screening.show(
                [one.picture.pixels for one in kept],
                [one.wanted.time_s for one in kept],
                music,
                await self._sound(order, context),
                order.animation_format,
                provenance.of_animation(
                    kept[0].order,
                    kept[0].wanted.prompt,
                    frames=len(kept),
                    music=music.emotion,
                    models=context.models,
                    licence=self._settings.weights_licence,
                ),
                lambda share: context.progress("film", span.at(share)),
            )
            blob = await context.objects.put(
                film.data,
                media_type=film.media_type,
                filename=f"luce-{context.seed}.{order.animation_format}",
                owner=context.owner,
                max_bytes=MAX_ANIMATION_BYTES,
                kind="result",
            )
        height, width = kept[0].picture.pixels.shape[:2]
        return agents_pb2.Animation(
            file=blob,
            duration_s=film.duration_s,
            frames_per_second=film.rate,
            width=width,
            height=height,
            sound=film.sound,
        )

    async def _sound(self, order: PaintOrder, context: JobContext) -> Audio | None:
        """What is heard in the animation; nothing in a gif, and nothing of MIDI, which is not sound."""
        if order.animation_format == "gif":
            return None
        data = await context.objects.get(order.audio_key, owner=context.owner, deadline=context.deadline)
        return None if data.startswith(MAGIC) else await self._decoder.audio(data, sample_rate=AUDIO_RATE)

    async def _store(self, one: _Kept, order: PaintOrder, context: JobContext) -> agents_pb2.PaintedImage:
        metadata = provenance.of_picture(
            one.order,
            one.picture,
            one.wanted.prompt,
            one.measured.told,
            job_seed=context.seed,
            candidate=(one.candidate, order.candidates),
            music=one.wanted.emotion,
            models=context.models,
            licence=self._settings.weights_licence,
        )
        png = await asyncio.to_thread(encode_png, one.picture.pixels, metadata)
        blob = await context.objects.put(
            png,
            media_type="image/png",
            filename=f"luce-{one.order.seed}.png",
            owner=context.owner,
            max_bytes=MAX_PICTURE_BYTES,
            kind="result",
        )
        height, width = one.picture.pixels.shape[:2]
        return agents_pb2.PaintedImage(
            image=blob,
            prompt=one.wanted.prompt,
            seed=one.order.seed,
            width=width,
            height=height,
            measures=one.measured.told,
            candidate=one.candidate,
            time_s=one.wanted.time_s,
        )


def prompt_count(order: PaintOrder) -> int:
    """How many prompts are needed: one for each picture, and for its candidates as many more as there may be."""
    return order.count * min(order.candidates, MAX_PROMPTS // order.count)


def _wanted(
    order: PaintOrder, music: agents_pb2.MusicDescription | None, prompts: Sequence[agents_pb2.Prompt], seed: int
) -> list[list[_Wanted]]:
    """The candidates of each picture; or, each alone, the key pictures of an animation, which share their noise.

    The first candidates have the prompts and seeds of pictures without others. Further ones have prompts of their own,
    as far as there are: what a picture feels like hangs on its words more than on its noise.
    """
    if order.frames and music is not None:
        return [
            [
                _Wanted(
                    moment.prompt,
                    emotion_pb2.Emotion(valence=moment.emotion.valence, arousal=moment.emotion.arousal),
                    seed,
                    moment.time_s,
                )
            ]
            for moment in moments_of(music, order.text, prompts[0], order.frames)
        ]
    felt = music.emotion if music is not None else None
    return [
        [
            _Wanted(
                prompts[(index + order.count * candidate) % len(prompts)],
                felt,
                candidate_seed(seed_of(seed, index), candidate),
            )
            for candidate in range(order.candidates)
        ]
        for index in range(order.count)
    ]


def _distinct(prompts: Iterable[agents_pb2.Prompt]) -> list[agents_pb2.Prompt]:
    """Prompts in order, each once."""
    return list({id(prompt): prompt for prompt in prompts}.values())


def _picture_order(order: PaintOrder, prompt: agents_pb2.Prompt, seed: int) -> PictureOrder:
    return PictureOrder(
        prompt=prompt.text,
        negative_prompt=prompt.negative_text,
        seed=seed,
        steps=order.steps,
        guidance_scale=order.guidance_scale,
        width=order.width,
        height=order.height,
        preview_every=order.preview_every,
    )
