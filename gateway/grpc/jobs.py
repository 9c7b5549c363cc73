"""JobsService: the same jobs as over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from gateway.core import Gateway
from gateway.following import follow
from gateway.grpc.interceptor import current_owner
from gateway.stopwatch import Stopwatch
from luce.errors import Unavailable
from luce.v1 import jobs_pb2, jobs_pb2_grpc

_DEFAULT_PAGE = 20


class JobsServicer(jobs_pb2_grpc.JobsServiceServicer):
    """Converts and calls.

    Args:
        core: The gateway.
    """

    def __init__(self, core: Gateway) -> None:
        self._core = core

    async def Submit(  # noqa: D102, N802 - the name of the RPC
        self, request: jobs_pb2.SubmitRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> jobs_pb2.SubmitResponse:
        job, _ = await self._core.submit(
            request.task,
            current_owner(),
            Stopwatch(),
            idempotency_key=request.idempotency_key,
            timeout_s=request.timeout_s,
        )
        return jobs_pb2.SubmitResponse(job=job)

    async def Get(  # noqa: D102, N802 - the name of the RPC
        self, request: jobs_pb2.GetRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> jobs_pb2.GetResponse:
        return jobs_pb2.GetResponse(job=await self._core.jobs.get(request.id, current_owner()))

    async def List(  # noqa: D102, N802 - the name of the RPC
        self, request: jobs_pb2.ListRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> jobs_pb2.ListResponse:
        jobs, following = await self._core.jobs.list(
            current_owner(), request.page_size or _DEFAULT_PAGE, request.page_token, request.states
        )
        return jobs_pb2.ListResponse(jobs=jobs, next_page_token=following)

    async def Cancel(  # noqa: D102, N802 - the name of the RPC
        self, request: jobs_pb2.CancelRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> jobs_pb2.CancelResponse:
        return jobs_pb2.CancelResponse(job=await self._core.jobs.cancel(request.id, current_owner()))

    async def Watch(  # noqa: D102, N802 - the name of the RPC
        self, request: jobs_pb2.WatchRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[jobs_pb2.WatchResponse]:
        events = self._core.jobs.watch(request.id, current_owner(), request.after_sequence)
        with self._core.event_stream() as stop:
            async for event in follow(events, stop):
                if event is not None:
                    yield jobs_pb2.WatchResponse(event=event)
            if stop.is_set():
                raise Unavailable("this gateway is going away; resume after the last sequence", retry_after=1.0)
