"""What the agents service does, without a server: describe and imagine."""

from __future__ import annotations

from luce.errors import InvalidArgument
from luce.server.bus.objects import ObjectStore
from luce.server.deadline import Deadline
from luce.server.media import MediaDecoder
from luce.v1 import agents_pb2
from services.agents.imagining import Imagination
from services.agents.listening import Listener


class Agents:
    """The operations behind `AgentsService`.

    Args:
        objects: Where audio lies.
        decoder: Media decoder, started.
        listener: Describes music.
        imagination: Makes prompts.
    """

    def __init__(
        self, objects: ObjectStore, decoder: MediaDecoder, listener: Listener, imagination: Imagination
    ) -> None:
        self._objects = objects
        self._decoder = decoder
        self._listener = listener
        self._imagination = imagination

    async def describe(self, audio_key: str, deadline: Deadline) -> agents_pb2.MusicDescription:
        """Listen to a stored piece.

        The caller has checked that the blob is its client's: the key itself is the permission here.

        Raises:
            NotFound: There is no such blob.
            RequestError: The audio is at fault.
            Unavailable: The model server or the store is away.
        """
        if not audio_key:
            raise InvalidArgument("audio is missing", field="audio", limit="an audio or MIDI blob")
        data = await self._objects.get(audio_key, deadline=deadline)
        analysis = await self._listener.analyze(await self._decoder.audio(data))
        music, _ = await self._listener.feel(analysis)
        return music

    def imagine(self, request: agents_pb2.ImagineRequest) -> list[agents_pb2.Prompt]:
        """Prompts for a description, a person's words, or both.

        Raises:
            InvalidArgument: A field is out of its range.
        """
        music = request.description if request.HasField("description") else None
        return self._imagination.imagine(music, request.text, request.count, request.seed)
