"""The describe job: decode and listen, for music that is too long to wait for in place."""

from __future__ import annotations

from typing import Final

from luce.errors import InvalidArgument
from luce.server.jobs import JobContext
from luce.v1 import agents_pb2, jobs_pb2
from services.agents.hearing import Hearing

_FETCHED: Final = 0.05
_HEARD: Final = 0.9


class Describer:
    """The handler of describe jobs. One instance serves any number at once.

    Args:
        hearing: Listens.
    """

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing

    async def __call__(self, task: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
        """Run one job. While the model server is away it waits, until its deadline.

        Raises:
            RequestError: The request or its music is at fault.
            ServiceError: Something else is; another attempt may succeed.
        """
        request = task.task.describe
        key = request.audio.key
        if not key:
            raise InvalidArgument("audio is missing", field="audio", limit="an audio or MIDI blob")
        music = await self._hearing.hear(key, context, decoded=_FETCHED, heard=_HEARD, brief=request.brief)
        return jobs_pb2.Job.Result(describe=agents_pb2.DescribeResult(music=music))
