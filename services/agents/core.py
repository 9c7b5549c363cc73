"""What the agents service does, without a server: describe and imagine."""

from __future__ import annotations

from luce.errors import InvalidArgument
from luce.server.bus.objects import ObjectStore
from luce.server.deadline import Deadline
from luce.v1 import agents_pb2
from services.agents.hearing import Hearing
from services.agents.imagining import Imagination


class Agents:
    """The operations behind `AgentsService`.

    Args:
        objects: Where audio lies.
        hearing: Describes music.
        imagination: Makes prompts.
    """

    def __init__(self, objects: ObjectStore, hearing: Hearing, imagination: Imagination) -> None:
        self._objects = objects
        self._hearing = hearing
        self._imagination = imagination

    async def describe(self, audio_key: str, deadline: Deadline, *, brief: bool = False) -> agents_pb2.MusicDescription:
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
        return (await self._hearing.describe(data, brief=brief)).music

    async def imagine(self, request: agents_pb2.ImagineRequest) -> agents_pb2.ImagineResponse:
        """Prompts for a description, a person's words, or both; with the report where it is asked for.

        Raises:
            InvalidArgument: A field is out of its range.
            FailedPrecondition: A language model is asked for where there is none.
            Unavailable: The model server is away.
        """
        music = request.description if request.HasField("description") else None
        imagined = await self._imagination.imagine(music, request.text, request.count, request.seed, request.agents)
        report = imagined.report if request.explain else None
        return agents_pb2.ImagineResponse(prompts=imagined.prompts, report=report)
