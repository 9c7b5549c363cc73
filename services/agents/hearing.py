"""The first part of every job on music: fetch, decode, listen."""

from __future__ import annotations

from luce.server.jobs import JobContext
from luce.server.media import MediaDecoder
from luce.v1 import agents_pb2
from services.agents import listening
from services.agents.listening import Listener
from services.agents.patience import patiently


class Hearing:
    """Listens to stored music inside of a job.

    Args:
        decoder: Media decoder, started.
        listener: Describes music.
        outage_pause_s: Longest pause before the model server is tried again while it is away, seconds.
    """

    def __init__(self, decoder: MediaDecoder, listener: Listener, outage_pause_s: float) -> None:
        self._decoder = decoder
        self._listener = listener
        self._outage_pause_s = outage_pause_s

    async def hear(self, key: str, context: JobContext, *, decoded: float) -> agents_pb2.MusicDescription:
        """Describe the music under a key of the job's owner, and tell it as a part of the result.

        Args:
            key: Of the blob.
            context: The running job.
            decoded: How much of the whole job is done when the music is decoded, 0..1.

        Raises:
            NotFound: There is no such blob of this owner.
            RequestError: The music is at fault.
            Unavailable: The model server is away until the deadline.
        """
        await context.progress("decode", 0.0)
        with context.stage("decode"):
            data = await context.objects.get(key, owner=context.owner, deadline=context.deadline)
            audio = await self._decoder.audio(data)
        await context.progress("listen", decoded)
        with context.stage("listen"):
            analysis = await self._listener.analyze(audio)
            music, version = await patiently(
                lambda: self._listener.feel(analysis),
                deadline=context.deadline,
                longest_pause_s=self._outage_pause_s,
                what=f"job {context.job_id}",
            )
        if version:
            context.used_model(listening.MODEL, version)
        await context.partial(music=music)
        return music
