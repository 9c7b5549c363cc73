"""The score job: look, think, imagine, compose, sound, store (CoT-VTM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from luce.emotion import Emotion
from luce.errors import InvalidArgument
from luce.server.chain import Chain, Thought, pooled
from luce.server.jobs import JobContext
from luce.server.media import MediaDecoder, Video
from luce.server.media.muxing import check_muxable
from luce.server.music.composing.planning import Moment
from luce.server.sound import SAMPLE_RATE, Sound
from luce.v1 import emotion_pb2, jobs_pb2, mapping_pb2
from services.mapping.orders import MusicOrder, music_order, seed_of
from services.mapping.pieces import Composer, Work
from services.mapping.seeing import Glance, View, Viewer
from services.mapping.settings import MappingSettings
from services.mapping.wishing import chain_steps, obtained_step, wish_of

SHORTEST_MOMENT_S: Final = 5.0
"""The music of a video changes at most so often, seconds: shorter shots share a moment."""

_FIELD: Final = "media"
_DECODED, _SEEN = 0.03, 0.09


class Scorer:
    """The handler of score jobs. One instance serves any number at once.

    Args:
        decoder: Media decoder, started.
        viewer: Looks at pictures.
        composer: Writes pieces.
        settings: Time limits.
    """

    def __init__(self, decoder: MediaDecoder, viewer: Viewer, composer: Composer, settings: MappingSettings) -> None:
        self._decoder = decoder
        self._viewer = viewer
        self._composer = composer
        self._settings = settings
        self._chain = Chain()

    async def __call__(self, task: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
        """Run one job. The same medium, options and seed give the same bytes.

        Raises:
            RequestError: The request or its medium is at fault.
            ServiceError: Something else is; another attempt may succeed.
        """
        request = task.task.score
        if not request.media.key:
            raise InvalidArgument("media is missing", field=_FIELD, limit="an image or a video")
        order = music_order(request.options)
        patiently = context.patience(self._settings.outage_pause_s)
        await context.progress("decode", 0.0)
        with context.stage("decode"):
            data = await context.objects.get(request.media.key, owner=context.owner, deadline=context.deadline)
            if request.media.media_type.startswith("video/"):
                video: Video | None = await self._decoder.video(data, field=_FIELD)
            else:
                video, pixels = None, await self._decoder.image(data, field=_FIELD)
        if video is not None and request.mux:
            check_muxable(video.codec, _FIELD)
        await context.progress("see", _DECODED)
        with context.stage("see"):
            if video is not None:
                seen = video
                view = await patiently(lambda: self._viewer.video(seen, order.emotion))
            else:
                view = await patiently(lambda: self._viewer.image(pixels, order.emotion))
        for name, version in view.models:
            context.used_model(name, version)
        await context.progress("imagine", _SEEN)
        with context.stage("imagine"):
            thoughts = [self._think(view, seed_of(context.seed, index)) for index in range(order.count)]
            steps = chain_steps(thoughts[0])
            for step in steps:
                await context.partial(chain=step)
            works = [
                await self._work(view, thought, order, video, seed_of(context.seed, index), context)
                for index, thought in enumerate(thoughts)
            ]
            if video is not None:
                works = [self._follow(work, request, data, video) for work in works]
        pieces = await self._composer.compose(works, order, context)
        steps.append(obtained_step(pieces))
        await context.partial(chain=steps[-1])
        result = mapping_pb2.ScoreResult(pieces=pieces, chain=steps, emotion=_message(_felt(view)))
        for glance in view.glances if video is not None else ():
            result.shots.add(
                start_s=glance.start_s, duration_s=glance.duration_s, emotion=_message(glance.impression.emotion)
            )
        return jobs_pb2.Job.Result(score=result)

    def _think(self, view: View, seed: int) -> Thought:
        return self._chain.follow([glance.impression for glance in view.glances], view.seconds, seed)[0]

    async def _work(
        self, view: View, thought: Thought, order: MusicOrder, video: Video | None, seed: int, context: JobContext
    ) -> Work:
        patiently = context.patience(self._settings.outage_pause_s)
        idea = await patiently(lambda: self._viewer.imagine(view, seed))
        for name, version in idea.models:
            context.used_model(name, version)
        if video is None:
            felt = view.glances[0].impression.emotion
            moments = [Moment(order.seconds, felt.valence, felt.arousal)]
        else:
            moments = moments_of(view.glances)
        return Work(wish_of(order, thought.controls, moments, idea.embedding), thought.description)

    def _follow(self, work: Work, request: mapping_pb2.ScoreRequest, data: bytes, video: Video) -> Work:
        """The work with what only a video has: accents on its cuts, and itself with the music."""

        async def finish(sound: Sound) -> bytes:
            pcm = np.rint(np.clip(sound.samples, -1.0, 1.0) * 32767).astype(np.int16)
            return await self._decoder.mux(data, pcm, SAMPLE_RATE, field=_FIELD)

        return Work(
            work.wish,
            work.title,
            accents_s=video.cuts_s if request.accents else (),
            finish=finish if request.mux else None,
        )


def moments_of(glances: Sequence[Glance]) -> list[Moment]:
    """How the music of a video feels through time: its shots, those of less than five seconds joined with their next.

    A joined moment feels like the mean of its shots by time; what is left over at the end belongs to the last moment.
    """
    groups: list[list[Glance]] = [[]]
    for glance in glances:
        if sum(one.duration_s for one in groups[-1]) >= SHORTEST_MOMENT_S:
            groups.append([])
        groups[-1].append(glance)
    if len(groups) > 1 and sum(one.duration_s for one in groups[-1]) < SHORTEST_MOMENT_S:
        rest = groups.pop()
        groups[-1] += rest
    moments = []
    for group in groups:
        felt = pooled([one.impression for one in group], [one.duration_s for one in group]).emotion
        moments.append(Moment(sum(one.duration_s for one in group), felt.valence, felt.arousal))
    return moments


def _felt(view: View) -> Emotion:
    return pooled([glance.impression for glance in view.glances], view.seconds).emotion


def _message(emotion: Emotion) -> emotion_pb2.Emotion:
    return emotion_pb2.Emotion(valence=emotion.valence, arousal=emotion.arousal, dominance=emotion.dominance)
