"""A job's life on JetStream: accepted, queued, run, watched, cancelled."""

from __future__ import annotations

from luce.server.jobs.attempt import JobHandler
from luce.server.jobs.context import JobContext
from luce.server.jobs.front import Jobs
from luce.server.jobs.worker import JobWorker

__all__ = ["JobContext", "JobHandler", "JobWorker", "Jobs"]
