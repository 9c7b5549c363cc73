"""The catalogue of metrics: every name, help text, label and bucket that this project exposes.

Made once per process and passed down, never a module's global: two of them in one process (as in tests) do not meet.
Label values come from closed sets (kinds, stages, codes, route templates), never from a request's text.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

# Seconds: 1 ms to about 4 minutes, doubling.
DURATIONS: Final = tuple(0.001 * 2**power for power in range(19))
# Seconds: 20 ms to about 22 minutes, doubling.
LONG_DURATIONS: Final = tuple(0.02 * 2**power for power in range(17))


class Metrics:
    """The catalogue on one registry.

    Args:
        registry: where to register; a fresh one where left out.
        process: also tell CPU, memory and file descriptors of this process.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, process: bool = False) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        if process:
            ProcessCollector(registry=self.registry)
        self._rpc()
        self._http()
        self._jobs()
        self._inference()
        self._life()

    def exposition(self) -> bytes:
        """All values in Prometheus's text format."""
        return generate_latest(self.registry)

    def _rpc(self) -> None:
        self.rpc_requests = self._counter(
            "luce_rpc_requests_total", "Calls that ended.", "service", "method", "transport", "code"
        )
        self.rpc_duration = self._histogram(
            "luce_rpc_request_duration_seconds", "From a call's arrival to its end.", "service", "method", "transport"
        )
        self.rpc_in_progress = self._gauge("luce_rpc_in_progress", "Calls in progress.", "service", "transport")
        self.rpc_client_requests = self._counter(
            "luce_rpc_client_requests_total", "Calls made over NATS, by their outcome.", "service", "method", "code"
        )

    def _http(self) -> None:
        self.http_requests = self._counter(
            "luce_http_requests_total", "HTTP requests that ended.", "method", "route", "status"
        )
        self.http_duration = self._histogram(
            "luce_http_request_duration_seconds",
            "From a request's arrival to its answer's end.",
            "method",
            "route",
        )
        self.http_in_progress = self._gauge("luce_http_in_progress", "HTTP requests in progress.")

    def _jobs(self) -> None:
        self.jobs_submitted = self._counter(
            "luce_jobs_submitted_total", "Submissions: accepted, repeated, refused or failed.", "kind", "outcome"
        )
        self.jobs_submit_duration = self._histogram(
            "luce_jobs_submit_duration_seconds", "From submission to durable acceptance.", "kind"
        )
        self.jobs_finished = self._counter(
            "luce_jobs_finished_total", "Jobs that ended, by state and code of the problem.", "kind", "state", "code"
        )
        self.jobs_attempts = self._counter(
            "luce_jobs_attempts_total",
            "Starts of jobs by outcome: finished, retried, cancelled, superseded, handed_back.",
            "kind",
            "outcome",
        )
        self.jobs_queue_time = self._histogram(
            "luce_jobs_queue_time_seconds", "From submission to the start.", "kind", buckets=LONG_DURATIONS
        )
        self.jobs_service_time = self._histogram(
            "luce_jobs_service_time_seconds", "From the start to the end.", "kind", buckets=LONG_DURATIONS
        )
        self.jobs_stage_time = self._histogram(
            "luce_jobs_stage_time_seconds", "Of one stage of a job.", "kind", "stage", buckets=LONG_DURATIONS
        )
        self.jobs_waiting = self._gauge("luce_jobs_waiting", "Jobs that no worker has started.", "kind")
        self.jobs_running = self._gauge("luce_jobs_running", "Jobs that this process runs.", "kind")
        self.jobs_slots = self._gauge("luce_jobs_slots", "Jobs that this process can run at once.", "kind")
        self.jobs_last_fetch = self._gauge(
            "luce_jobs_last_fetch_timestamp_seconds", "When this process last heard from the queue.", "kind"
        )
        self.jobs_repaired = self._counter(
            "luce_jobs_repaired_total", "What the janitor did: republished or expired.", "outcome"
        )

    def _inference(self) -> None:
        self.inference_requests = self._counter(
            "luce_inference_requests_total", "Calls to Triton that ended.", "model", "code"
        )
        self.inference_duration = self._histogram(
            "luce_inference_request_duration_seconds", "Of one call to Triton.", "model"
        )

    def _life(self) -> None:
        self.service_state = self._gauge(
            "luce_service_state", "1 for the state that the service is in.", "service", "state"
        )
        self.dependency_up = self._gauge("luce_dependency_up", "1 while the dependency works.", "dependency")
        self.bus_connected = self._gauge("luce_bus_connected", "1 while NATS is connected.")
        self.bus_reconnections = self._gauge("luce_bus_reconnections", "Times that NATS was lost and came back.")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = DURATIONS) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)
