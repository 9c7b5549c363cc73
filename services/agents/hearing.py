"""Music of every kind into a description: recordings are listened to, MIDI is read."""

from __future__ import annotations

from luce.server.jobs import JobContext
from luce.server.media import MediaDecoder
from luce.server.music.analysis import MusicAnalysis
from luce.server.music.midi import MAGIC, MidiMusic
from luce.v1 import agents_pb2
from services.agents import listening, reading
from services.agents.listening import Listener
from services.agents.patience import patiently
from services.agents.reading import Reader


class Hearing:
    """Describes music, at once or inside of a job.

    Args:
        decoder: Media decoder, started.
        listener: Describes recordings.
        reader: Describes MIDI.
        outage_pause_s: Longest pause before the model server is tried again while it is away, seconds.
    """

    def __init__(self, decoder: MediaDecoder, listener: Listener, reader: Reader, outage_pause_s: float) -> None:
        self._decoder = decoder
        self._listener = listener
        self._reader = reader
        self._outage_pause_s = outage_pause_s

    async def describe(self, data: bytes) -> agents_pb2.MusicDescription:
        """Describe a file.

        Raises:
            RequestError: The file is at fault.
            Unavailable: The model server is away.
        """
        if data.startswith(MAGIC):
            piece: MidiMusic | MusicAnalysis = await self._reader.read(data)
        else:
            piece = await self._listener.analyze(await self._decoder.audio(data))
        music, _, _ = await self._feel(piece)
        return music

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
            source = await self._reader.read(data) if data.startswith(MAGIC) else await self._decoder.audio(data)
        await context.progress("listen", decoded)
        with context.stage("listen"):
            piece: MidiMusic | MusicAnalysis
            if isinstance(source, MidiMusic):
                piece = source
            else:
                audio = source
                piece = await patiently(
                    lambda: self._listener.analyze(audio),
                    deadline=context.deadline,
                    longest_pause_s=self._outage_pause_s,
                    what=f"job {context.job_id}",
                )
            music, model, version = await patiently(
                lambda: self._feel(piece),
                deadline=context.deadline,
                longest_pause_s=self._outage_pause_s,
                what=f"job {context.job_id}",
            )
        if version:
            context.used_model(model, version)
        await context.partial(music=music)
        return music

    async def _feel(self, piece: MidiMusic | MusicAnalysis) -> tuple[agents_pb2.MusicDescription, str, str]:
        """The description, and name and version of the model that felt it."""
        if isinstance(piece, MidiMusic):
            music, version = await self._reader.feel(piece)
            return music, reading.MODEL, version
        music, version = await self._listener.feel(piece)
        return music, listening.MODEL, version
