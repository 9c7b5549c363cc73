"""The catalogue of metrics: every name, help text, label and bucket that this project exposes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry


class Metrics:
    """The catalogue on one registry. Made once per process and passed down."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
