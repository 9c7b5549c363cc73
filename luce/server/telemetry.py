"""Logs with trace ids, and traces that go from door to door (W3C trace context).

Without a collector nothing is recorded: an incoming trace is carried on, and where none comes an id is drawn, so that
the log lines of one request can still be found together. That costs microseconds.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from luce._version import __version__
from luce.server.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_propagator: Final = TraceContextTextMapPropagator()
_TEXT_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s [%(trace_id)s] %(message)s"


class Telemetry:
    """What `setup` has installed."""

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider

    def shutdown(self) -> None:
        """Flush and stop the exporter; takes at most a few seconds."""
        if self._provider is not None:
            self._provider.shutdown()


def setup(service_name: str, settings: TelemetrySettings) -> Telemetry:
    """Set up logging for this process, and tracing where a collector is set. Call once, in `main`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_trace_id)
    handler.setFormatter(_JsonFormatter(service_name) if settings.log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # Their INFO tells of every poll and every request.
    for chatty in ("asyncio", "httpx", "httpcore", "grpc"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    return Telemetry(_provider(service_name, settings) if settings.otlp_endpoint else None)


def inject(carrier: dict[str, str]) -> dict[str, str]:
    """Put the current trace context into headers (HTTP, NATS or gRPC metadata) and answer them."""
    _propagator.inject(carrier)
    return carrier


def current_trace_id() -> str:
    """The current trace id, 32 hexadecimal digits; "" where there is none."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


@contextmanager
def server_span(
    name: str, carrier: Mapping[str, str], *, attributes: Mapping[str, str] | None = None
) -> Iterator[Span]:
    """Serve one request inside of the trace that its headers (lower-case names) carry, or of a new one."""
    parent = _propagator.extract(carrier, context=otel_context.Context())
    if not _recording():
        span = trace.get_current_span(parent)
        if not span.get_span_context().is_valid:
            span = _drawn_span()
        with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield span
        return
    tracer = trace.get_tracer("luce", __version__)
    with tracer.start_as_current_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes) as span:
        yield span


@contextmanager
def client_span(name: str, *, attributes: Mapping[str, str] | None = None) -> Iterator[Span]:
    """A call to another process, inside of the current trace."""
    if not _recording():
        yield trace.get_current_span()
        return
    tracer = trace.get_tracer("luce", __version__)
    with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes) as span:
        yield span


def mark_failed(span: Span, code: str) -> None:
    """Tell on the span that the request ended with this error code."""
    span.set_attribute("luce.error.code", code)
    span.set_status(Status(StatusCode.ERROR, code))


def _recording() -> bool:
    # The API's own default provider is a proxy or does nothing; any other one records.
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)


def _drawn_span() -> NonRecordingSpan:
    return NonRecordingSpan(
        SpanContext(
            trace_id=random.getrandbits(128) or 1,
            span_id=random.getrandbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
        )
    )


def _provider(service_name: str, settings: TelemetrySettings) -> TracerProvider:
    # Half a second and 30 MB that a process without a collector does not pay.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": f"luce-{service_name}", "service.version": __version__}),
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
    )
    insecure = settings.otlp_endpoint.startswith("http://")
    exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure, timeout=3)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def _add_trace_id(record: logging.LogRecord) -> bool:
    record.trace_id = current_trace_id() or "-"
    return True


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__(_TEXT_FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return time.strftime("%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}"


class _JsonFormatter(logging.Formatter):
    def __init__(self, service_name: str) -> None:
        super().__init__()
        self._service_name = service_name

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": round(record.created, 6),
            "level": record.levelname,
            "service": self._service_name,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": getattr(record, "trace_id", "-"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
