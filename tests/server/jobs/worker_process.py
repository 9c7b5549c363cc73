"""A worker in a process of its own, for tests that kill it: arguments are the NATS URL, ack_wait and what to do."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from luce.server.bus import connect
from luce.server.jobs import JobContext, JobWorker
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import agents_pb2
from luce.v1.jobs_pb2 import Job, QueuedTask


async def main() -> None:
    url, ack_wait, seconds, journal = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])

    def note(line: str) -> None:
        with journal.open("a") as file:
            file.write(f"{line}\n")

    async def handle(_queued: QueuedTask, job: Job, context: JobContext) -> Job.Result:
        note(f"start {job.id} {context.attempt}")
        await asyncio.sleep(seconds)
        note(f"end {job.id} {context.attempt}")
        return Job.Result(paint=agents_pb2.PaintResult())

    bus = BusSettings(url=url)
    settings = JobSettings(ack_wait_s=ack_wait, max_attempts=3, max_queued=8)
    worker = JobWorker("paint", handle, concurrency=2, settings=settings, bus=bus)
    await worker.start(await connect(bus, "worker"))
    await asyncio.sleep(300)


if __name__ == "__main__":
    asyncio.run(main())
