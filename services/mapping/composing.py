"""The compose job: read, think, compose, sound, store (Story2MIDI)."""

from __future__ import annotations

from dataclasses import replace

from luce.server.chain import Chain
from luce.server.jobs import JobContext
from luce.server.jobs.patience import patiently
from luce.server.music import limits
from luce.server.music.composing.planning import Moment
from luce.v1 import emotion_pb2, jobs_pb2, mapping_pb2
from services.mapping.orders import music_order, seed_of
from services.mapping.pieces import Composer, Work
from services.mapping.reading import Reading, TextReader
from services.mapping.settings import MappingSettings
from services.mapping.wishing import chain_steps, obtained_step, wish_of

_TITLE_CHARACTERS = 60


class Storyteller:
    """The handler of compose jobs. One instance serves any number at once.

    Args:
        reader: Reads texts.
        composer: Writes pieces.
        settings: Time limits.
    """

    def __init__(self, reader: TextReader, composer: Composer, settings: MappingSettings) -> None:
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
        limits.check_story(request.text)
        order = music_order(request.options)
        await context.progress("read", 0.0)
        with context.stage("read"):

            async def read() -> Reading:
                return await self._reader.read(request.text, order.emotion)

            reading = await patiently(
                read,
                deadline=context.deadline,
                longest_pause_s=self._settings.outage_pause_s,
                what=f"job {context.job_id}",
            )
            impression = replace(reading.impression, description=title_of(request.text))
            thoughts = [self._chain.think(impression, seed_of(context.seed, index)) for index in range(order.count)]
        name, _, version = reading.model.partition(":")
        context.used_model(name, version)
        steps = chain_steps(thoughts[0], reading.notes)
        for step in steps:
            await context.partial(chain=step)
        felt = reading.impression.emotion
        moments = (Moment(order.seconds, felt.valence, felt.arousal),)
        works = [
            Work(wish_of(order, thought.controls, moments, reading.embedding), title_of(request.text))
            for thought in thoughts
        ]
        pieces = await self._composer.compose(works, order, context)
        steps.append(obtained_step(pieces))
        await context.partial(chain=steps[-1])
        emotion = emotion_pb2.Emotion(valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance)
        return jobs_pb2.Job.Result(compose=mapping_pb2.ComposeResult(pieces=pieces, emotion=emotion, chain=steps))


def title_of(text: str) -> str:
    """A text's first words, at most 60 characters."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"
