from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from luce.server import telemetry
from luce.server.metrics import Metrics
from luce.server.settings import TelemetrySettings

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_trace_that_comes_in_goes_out() -> None:
    with telemetry.server_span("call", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}):
        assert telemetry.current_trace_id() == TRACE
        assert telemetry.inject({})["traceparent"].split("-")[1] == TRACE
    assert telemetry.current_trace_id() == ""
    assert telemetry.inject({}) == {}


@pytest.mark.parametrize("carrier", [{}, {"traceparent": "garbage"}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-00"}])
def test_a_request_without_a_trace_gets_one_of_its_own(carrier: dict[str, str]) -> None:
    seen = set()
    for _ in range(2):
        with telemetry.server_span("call", carrier):
            seen.add(telemetry.current_trace_id())
    assert len(seen) == 2
    assert all(len(trace_id) == 32 for trace_id in seen)


def test_a_request_does_not_inherit_the_trace_of_the_one_before() -> None:
    with telemetry.server_span("outer", {}):
        outer = telemetry.current_trace_id()
        with telemetry.server_span("inner", {}):
            assert telemetry.current_trace_id() != outer


def test_log_lines_carry_the_trace(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.setup("test", TelemetrySettings(log_format="json", log_level="info"))
    with telemetry.server_span("call", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}):
        logging.getLogger("luce.x").info("painted %d", 3)
    logging.getLogger("luce.x").debug("too quiet")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 1
    assert (lines[0]["message"], lines[0]["trace_id"], lines[0]["service"]) == ("painted 3", TRACE, "test")


def test_text_lines_carry_the_trace(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.setup("test", TelemetrySettings())
    logging.getLogger("luce.x").warning("careful")
    assert "[-] careful" in capsys.readouterr().err


def test_two_catalogues_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.jobs_submitted.labels("paint", "accepted").inc()
    assert b'luce_jobs_submitted_total{kind="paint",outcome="accepted"} 1.0' in first.exposition()
    assert b"outcome=" not in second.exposition()


def test_every_metric_is_named_and_explained() -> None:
    for family in Metrics().registry.collect():
        assert family.name.startswith("luce_")
        assert family.documentation.endswith(".")
