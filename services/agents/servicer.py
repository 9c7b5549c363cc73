"""The door of the agents service."""

from __future__ import annotations

from luce.server.deadline import Deadline
from luce.v1 import agents_pb2
from services.agents.core import Agents

_TIMEOUT_S = 60.0


class AgentsServicer:
    """`luce.v1.AgentsService` over gRPC and NATS.

    Args:
        agents: Does the work.
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    async def Describe(  # noqa: N802 - the name of the RPC
        self, request: agents_pb2.DescribeRequest, context: object
    ) -> agents_pb2.DescribeResponse:
        """Listens to a piece."""
        deadline = Deadline.current_or_after(_TIMEOUT_S)
        music = await self._agents.describe(request.audio.key, deadline, brief=request.brief)
        return agents_pb2.DescribeResponse(description=music)

    async def Imagine(  # noqa: N802 - the name of the RPC
        self, request: agents_pb2.ImagineRequest, context: object
    ) -> agents_pb2.ImagineResponse:
        """Turns a description into prompts."""
        return await self._agents.imagine(request)
