"""The compose job: read, think, compose, sound, store (Story2MIDI); words, a beginning in MIDI, or both."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from luce.server.chain import Chain, Impression
from luce.server.inference import InferenceClient
from luce.server.jobs import JobContext
from luce.server.music import limits
from luce.server.music.composing.planning import Moment, plan
from luce.server.music.composing.varying import vary
from luce.v1 import emotion_pb2, jobs_pb2, mapping_pb2
from services.mapping.continuing import Beginning, begin
from services.mapping.orders import MusicOrder, music_order, seed_of
from services.mapping.pieces import Composer, Planner, Work
from services.mapping.reading import Reading, TextReader
from services.mapping.settings import MappingSettings
from services.mapping.wishing import chain_steps, obtained_step, wish_of

_TITLE_CHARACTERS = 60


class Storyteller:
    """The handler of compose jobs. One instance serves any number at once.

    Args:
        inference: A client of the model server.
        reader: Reads texts.
        composer: Writes pieces.
        settings: Time limits.
    """

    def __init__(
        self, inference: InferenceClient, reader: TextReader, composer: Composer, settings: MappingSettings
    ) -> None:
        self._inference = inference
        self._reader = reader
        self._composer = composer
        self._settings = settings
        self._chain = Chain()

    async def __call__(self, task: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
        """Run one job. The same task and seed give the same bytes.

        Raises:
            RequestError: The request is at fault.
            ServiceError: Something else is; another attempt may succeed.
        """
        request = task.task.compose
        order = music_order(request.options)
        limits.check_variation(request)
        patiently = context.patience(self._settings.outage_pause_s)
        await context.progress("read", 0.0)
        with context.stage("read"):
            beginning = await self._begin(request, context) if request.HasField("midi") else None
            if beginning is not None:
                order = replace(order, seconds=beginning.seconds(order))
            if request.text or beginning is None:
                limits.check_story(request.text)
                reading = await patiently(lambda: self._read(request.text, order))
                impression = replace(reading.impression, description=title_of(request.text))
                embedding, notes, course = reading.embedding, reading.notes, reading.course
                for name, version in reading.models:
                    context.used_model(name, version)
            else:
                impression, embedding, notes = Impression(order.emotion or beginning.emotion), None, ()
                course = ((1.0, impression.emotion),)
            thoughts = [self._chain.think(impression, seed_of(context.seed, index)) for index in range(order.count)]
        felt = impression.emotion
        moments = [Moment(share * order.seconds, one.valence, one.arousal) for share, one in course]
        title = title_of(request.text) or ("Variation" if request.HasField("variation") else "Continuation")
        wishes = [wish_of(order, thought.controls, moments, embedding, beginning) for thought in thoughts]
        steps = chain_steps(thoughts[0], notes)
        for step in steps:
            await context.partial(chain=step)
        works = [Work(wish, title, planner=planner_of(order, request.text, beginning)) for wish in wishes]
        pieces = await self._composer.compose(works, order, context)
        steps.append(obtained_step(pieces))
        await context.partial(chain=steps[-1])
        emotion = emotion_pb2.Emotion(valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance)
        return jobs_pb2.Job.Result(compose=mapping_pb2.ComposeResult(pieces=pieces, emotion=emotion, chain=steps))

    async def _read(self, text: str, order: MusicOrder) -> Reading:
        return await self._reader.read(text, order.emotion, seconds=order.seconds)

    async def _begin(self, request: mapping_pb2.ComposeRequest, context: JobContext) -> Beginning:
        data = await context.objects.get(request.midi.key, owner=context.owner, deadline=context.deadline)
        variation = request.variation if request.HasField("variation") else None
        patiently, timeout_s = context.patience(self._settings.outage_pause_s), self._settings.infer_timeout_s
        return await patiently(lambda: begin(self._inference, data, timeout_s=timeout_s, variation=variation))


def planner_of(order: MusicOrder, text: str, beginning: Beginning | None) -> Planner:
    """How pieces are planned: freely, or as variations of what is given.

    A variation is as dense, high and bright as what it varies, unless words or the caller want another feeling.
    """
    if beginning is None or beginning.variation is None:
        return plan
    faithful = not text and order.emotion is None
    return partial(vary, theme=beginning.given, share=beginning.variation, faithful=faithful)


def title_of(text: str) -> str:
    """A text's first words, at most 60 characters."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"
