from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import luce
from luce import _commands as commands
from luce._channels import Target
from luce._core import Core
from luce._wire import FROM_GRPC, from_grpc_code
from luce.errors import LuceError, error_for_code
from luce.v1 import jobs_pb2
from tests.luce.server import SmallServer


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_status_has_an_error(code: grpc.StatusCode) -> None:
    assert type(from_grpc_code(code, "told")) is FROM_GRPC[code]
    assert from_grpc_code(code, "told").message == "told"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_plain_status_of_a_call_is_raised_as_its_error(
    client: luce.Client, server: SmallServer, code: grpc.StatusCode
) -> None:
    server.faults.add("Get", *[code] * 4)
    with pytest.raises(FROM_GRPC[code], match=f"plain {code.name}"):
        client.jobs.get("job-0")


def _errors() -> list[type[LuceError]]:
    found, todo = [], [LuceError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo.extend(kind.__subclasses__())
    return sorted(found, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", _errors())
def test_every_error_of_ours_crosses_the_wire_whole(
    client: luce.Client, server: SmallServer, kind: type[LuceError]
) -> None:
    assert error_for_code(kind.code) is kind
    server.faults.add("Get", *[kind("told", field="steps", limit="1..100", retry_after=0.01)] * 4)
    with pytest.raises(kind) as raised:
        client.jobs.get("job-0")
    error = raised.value
    assert (error.message, error.field, error.limit) == ("told", "steps", "1..100")
    assert error.retry_after == pytest.approx(0.01)


def test_a_full_queue_is_asked_again_and_a_bad_request_is_not(client: luce.Client, server: SmallServer) -> None:
    server.faults.add("Submit", luce.ResourceExhausted("full", retry_after=0.01), luce.Unavailable("down"))
    client.submit_paint(prompt="a")
    assert server.calls["Submit"] == 3
    server.faults.add("Submit", luce.InvalidArgument("no"))
    with pytest.raises(luce.InvalidArgument):
        client.submit_paint(prompt="a")
    assert server.calls["Submit"] == 4


def test_a_message_past_the_channels_limit_is_not_sent_again(server: SmallServer) -> None:
    with (
        luce.Client(server.address, limits=luce.Limits(max_message_bytes=1000)) as client,
        pytest.raises(luce.PayloadTooLarge),
    ):
        client.embed(["x" * 5000])
    assert server.calls["Embed"] == 0


def _run(core: Core, operation: commands.Operation[object], outcomes: list[object]) -> list[commands.Command]:
    """Drive an operation by hand: failures are thrown in, everything else is sent; sleeps answer at once."""
    steps, asked = commands.Steps(operation), list[commands.Command]()
    command = steps.advance(None, None)
    while command is not None:
        asked.append(command)
        if isinstance(command, commands.Sleep):
            command = steps.advance(None, None)
            continue
        outcome = outcomes.pop(0)
        failed = isinstance(outcome, Exception)
        command = steps.advance(None if failed else outcome, outcome if failed else None)  # type: ignore[arg-type]
    return asked


def test_waits_grow_and_the_servers_hint_replaces_them() -> None:
    core = Core(retry=luce.Retry(first_delay=0.1, factor=2, jitter=0), now=lambda: 0.0, draw=lambda: 0.0)
    down, full = luce.Unavailable("down"), luce.ResourceExhausted("full", retry_after=3.0)
    asked = _run(core, core.get("a"), [down, down, full, jobs_pb2.GetResponse()])
    assert [command.seconds for command in asked if isinstance(command, commands.Sleep)] == [0.1, 0.2, 3.0]


def test_a_wait_past_the_deadline_is_not_begun() -> None:
    core = Core(timeout=luce.Timeout(call=5), now=lambda: 0.0)
    with pytest.raises(luce.ResourceExhausted):
        _run(core, core.get("a"), [luce.ResourceExhausted("full", retry_after=60)])


@given(
    failures=st.integers(1, 10_000),
    draw=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
    hint=st.none() | st.floats(0.001, 1000),
)
def test_a_wait_is_never_negative_too_long_or_before_the_hint(
    failures: int, draw: float, jitter: float, hint: float | None
) -> None:
    retry = luce.Retry(jitter=jitter)
    delay = retry.delay(failures, hint, draw)
    if hint is None:
        assert 0 <= delay <= retry.max_delay
    else:
        assert hint <= delay <= 1.1 * hint


@pytest.mark.parametrize(
    "build",
    [
        lambda: luce.Timeout(call=0),
        lambda: luce.Timeout(job=float("nan")),
        lambda: luce.Retry(attempts=0),
        lambda: luce.Retry(factor=0.5),
        lambda: luce.Retry(jitter=2),
        lambda: luce.Limits(channels=0),
    ],
)
def test_settings_that_make_no_sense_are_refused(build: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        build()  # type: ignore[operator]


def test_channels_of_one_pool_have_arguments_of_their_own() -> None:
    target = Target(address="127.0.0.1:1", limits=luce.Limits(channels=3))
    assert len({tuple(target.options(index)) for index in range(3)}) == 3


@given(
    count=st.integers(1, 12),
    after=st.integers(0, 5),
    breaks=st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), max_size=7),
)
def test_a_watch_tells_every_event_once_however_often_its_stream_breaks(
    count: int, after: int, breaks: list[tuple[int, bool, int]]
) -> None:
    """A stream breaks after some events, with an error or without, and may repeat some when it is opened again."""
    after = min(after, count - 1)
    events = [jobs_pb2.JobEvent(sequence=number + 1, job_id="a") for number in range(count)]
    events[-1].state.state = jobs_pb2.JOB_STATE_SUCCEEDED
    core = Core(retry=luce.Retry(attempts=20), now=lambda: 0.0, draw=lambda: 0.0)
    steps = commands.Steps(core.watch("a", after, None))
    told: list[int] = []
    place, left, fails = 0, 0, False
    command = steps.advance(None, None)
    while command is not None:
        outcome: object = None
        failure: Exception | None = None
        if isinstance(command, commands.Open):
            assert isinstance(command.request, jobs_pb2.WatchRequest)
            left, fails, repeated = breaks.pop() if breaks else (count, False, 0)
            place = max(0, command.request.after_sequence - repeated)
            outcome = "stream"
        elif isinstance(command, commands.Read) and left > 0 and place < count:
            outcome = jobs_pb2.WatchResponse(event=events[place])
            place, left = place + 1, left - 1
        elif isinstance(command, commands.Read) and fails:
            failure = luce.Unavailable("Socket closed")
        elif isinstance(command, commands.Emit):
            told.append(command.value.sequence)
        command = steps.advance(outcome, failure)
    assert told == list(range(after + 1, count + 1))
    assert steps.result.state is luce.JobState.SUCCEEDED
