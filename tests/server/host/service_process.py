"""A service in a process of its own: arguments are the NATS URL and how long a job takes."""

from __future__ import annotations

import asyncio
import sys

from luce.server import telemetry
from luce.server.bus import connect
from luce.server.host import ServiceHost
from luce.server.jobs import JobContext, JobWorker
from luce.server.settings import BusSettings, HostSettings, JobSettings, TelemetrySettings
from luce.v1 import agents_pb2
from luce.v1.jobs_pb2 import Job, QueuedTask


async def main() -> None:
    bus, jobs, seconds = BusSettings(url=sys.argv[1]), JobSettings(), float(sys.argv[2])

    async def handle(_queued: QueuedTask, _job: Job, _context: JobContext) -> Job.Result:
        await asyncio.sleep(seconds)
        return Job.Result(paint=agents_pb2.PaintResult())

    host = ServiceHost(
        "agents",
        nc=await connect(bus, "agents"),
        workers=[JobWorker("paint", handle, concurrency=1, settings=jobs, bus=bus)],
        settings=HostSettings(drain_wait_s=0.1, drain_timeout_s=1.0, dependency_interval_s=0.2),
    )
    await host.run()


if __name__ == "__main__":
    telemetry.setup("agents", TelemetrySettings())
    asyncio.run(main())
