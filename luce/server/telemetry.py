"""Logs with trace ids, and traces that go from door to door (W3C trace context)."""

from __future__ import annotations

from luce.server.settings import TelemetrySettings


class Telemetry:
    """What `setup` has installed."""

    def shutdown(self) -> None:
        """Flush and stop the exporter."""
        raise NotImplementedError


def setup(service_name: str, settings: TelemetrySettings) -> Telemetry:
    """Set up logging for this process, and tracing where a collector is set. Call once, in `main`."""
    raise NotImplementedError


def inject(carrier: dict[str, str]) -> dict[str, str]:
    """Put the current trace context into headers (HTTP, NATS or gRPC metadata) and answer them."""
    raise NotImplementedError


def current_trace_id() -> str:
    """The current trace id, 32 hexadecimal digits; "" where there is none."""
    raise NotImplementedError
