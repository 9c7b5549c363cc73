from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from luce.errors import DeadlineExceeded, Internal, InvalidArgument, ResourceExhausted, Unavailable
from luce.server.errors import RICH_STATUS_KEY, from_rich_status
from luce.server.host import Dependency, NatsRpc
from luce.v1 import agents_pb2
from tests.server.host.conftest import SERVICE, SETTINGS, Hosts, Running, request
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(60)

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_one_servicer_answers_over_grpc_and_nats(hosts: Hosts) -> None:
    running = await hosts.start()
    # gRPC rounds a timeout up on the wire, by at most a hundredth.
    assert 0 < (await running.grpc_call()).description.duration_s <= 5.05
    assert 0 < (await running.nats_call()).description.duration_s <= 5
    answer = await running.rpc.call(
        "AgentsService", "Imagine", agents_pb2.ImagineRequest(text="sea"), agents_pb2.ImagineResponse
    )
    assert answer.prompts[0].text == "sea"


async def test_the_trace_is_carried_over_both_transports(hosts: Hosts) -> None:
    running = await hosts.start()
    traceparent = f"00-{TRACE}-b7ad6b7169203331-01"
    over_grpc = await running.grpc_call(metadata=(("traceparent", traceparent),))
    assert over_grpc.description.summary == TRACE
    reply = await hosts.nc.request(
        "luce.rpc.AgentsService.Describe", request("").SerializeToString(), headers={"traceparent": traceparent}
    )
    assert agents_pb2.DescribeResponse.FromString(reply.data).description.summary == TRACE
    drawn = await running.nats_call()
    assert len(drawn.description.summary) == 32


async def test_errors_come_back_as_they_were_raised_over_nats(hosts: Hosts) -> None:
    running = await hosts.start()
    with pytest.raises(InvalidArgument) as bad:
        await running.nats_call("bad")
    assert (bad.value.field, bad.value.limit) == ("steps", "1..100")
    with pytest.raises(Unavailable) as down:
        await running.nats_call("down")
    assert down.value.retry_after == 3.0
    with pytest.raises(Internal) as defect:
        await running.nats_call("defect")
    assert "secret" not in str(defect.value)
    garbled = await hosts.nc.request("luce.rpc.AgentsService.Imagine", b"\xff\xff")
    assert garbled.headers is not None
    assert garbled.headers["Nats-Service-Error-Code"] == "422"


async def readiness_is(running: Running, status: int) -> bool:
    return (await running.page("/readyz"))[0] == status


async def test_errors_come_back_as_rich_status_over_grpc(hosts: Hosts) -> None:
    running = await hosts.start()
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await running.grpc_call("bad")
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    metadata = dict(failure.value.trailing_metadata() or ())
    raw = metadata[RICH_STATUS_KEY]
    assert isinstance(raw, bytes)
    error = from_rich_status(raw)
    assert isinstance(error, InvalidArgument)
    assert (error.field, error.limit) == ("steps", "1..100")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await running.grpc_call("defect")
    assert failure.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(failure.value.details())


async def test_a_deadline_ends_the_work_on_the_servers_side(hosts: Hosts) -> None:
    running = await hosts.start()
    with pytest.raises(DeadlineExceeded):
        await running.nats_call("slow", timeout_s=0.2)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await running.grpc_call("slow", timeout_s=0.2)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: in_progress(running) == 0)


def in_progress(running: Running) -> float:
    labels = ({"service": SERVICE, "transport": name} for name in ("nats", "grpc"))
    registry = running.host.metrics.registry
    return sum(registry.get_sample_value("luce_rpc_in_progress", each) or 0 for each in labels)


async def test_no_instance_is_unavailable(hosts: Hosts) -> None:
    with pytest.raises(Unavailable):
        await NatsRpc(hosts.nc).call(SERVICE, "Describe", request(""), agents_pb2.DescribeResponse, 2.0)


async def test_more_calls_than_the_bound_are_refused(hosts: Hosts) -> None:
    running = await hosts.start()
    calls = [asyncio.create_task(running.nats_call("slow")) for _ in range(4)]
    await until(lambda: in_progress(running) == 4)
    with pytest.raises(ResourceExhausted) as refusal:
        await running.nats_call()
    assert refusal.value.retry_after
    running.echo.release.set()
    await asyncio.gather(*calls)


async def test_health_follows_the_dependencies_and_comes_back(hosts: Hosts) -> None:
    works = True

    async def check() -> None:
        if not works:
            raise Unavailable("not loaded")

    running = await hosts.start(dependencies=[Dependency("triton", check)])
    stub = health_pb2_grpc.HealthStub(running.channel)

    async def status(service: str) -> Any:
        return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status

    async def becomes(expected: Any, ready: int) -> None:
        async def is_so() -> bool:
            told = [await status(SERVICE), await status("")]
            return told == [expected] * 2 and await readiness_is(running, ready)

        await until(is_so)

    await becomes(health_pb2.HealthCheckResponse.SERVING, 200)
    works = False
    await becomes(health_pb2.HealthCheckResponse.NOT_SERVING, 503)
    assert json.loads((await running.page("/readyz"))[1])["dependencies"]["triton"] == "not loaded"
    assert json.loads((await running.page("/readyz"))[1])["state"] == "broken"
    works = True
    await becomes(health_pb2.HealthCheckResponse.SERVING, 200)


async def test_a_dependency_that_hangs_is_broken_and_the_loop_lives(hosts: Hosts) -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    running = await hosts.start(dependencies=[Dependency("triton", hang)], wait=False)

    async def told() -> bool:
        return "no answer within" in (await running.page("/readyz"))[1]

    await until(told)
    assert (await running.page("/livez"))[0] == 200


async def test_nats_going_away_breaks_readiness_until_it_is_back(hosts: Hosts) -> None:
    running = await hosts.start()
    hosts.server.kill()
    await until(lambda: readiness_is(running, 503))
    assert (await running.page("/livez"))[0] == 200
    hosts.server.start()
    await until(lambda: readiness_is(running, 200))
    await until(lambda: hosts.nc.is_connected)
    assert (await running.nats_call()).description.duration_s > 0


async def test_reflection_names_the_services(hosts: Hosts) -> None:
    running = await hosts.start()
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    async for answer in call:
        names = {service.name for service in answer.list_services_response.service}
        assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_calls_are_counted_and_health_checks_are_not(hosts: Hosts) -> None:
    running = await hosts.start()
    await running.grpc_call()
    with pytest.raises(InvalidArgument):
        await running.nats_call("bad")
    stub = health_pb2_grpc.HealthStub(running.channel)
    await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE))
    status, text = await running.page("/metrics")
    assert status == 200
    counted = [line for line in text.splitlines() if line.startswith("luce_rpc_requests_total{")]
    assert sorted(counted) == [
        f'luce_rpc_requests_total{{code="{code}",method="Describe",service="{SERVICE}",transport="{transport}"}} 1.0'
        for code, transport in (("INVALID_ARGUMENT", "nats"), ("OK", "grpc"))
    ]
    assert 'luce_service_state{service="agents",state="ready"} 1.0' in text
    assert 'luce_dependency_up{dependency="nats"} 1.0' in text


async def test_discovery_tells_the_endpoints(hosts: Hosts) -> None:
    await hosts.start()
    info = json.loads((await hosts.nc.request("$SRV.INFO.agents", b"")).data)
    assert {endpoint["subject"] for endpoint in info["endpoints"]} == {
        "luce.rpc.AgentsService.Describe",
        "luce.rpc.AgentsService.Imagine",
    }
    ping = json.loads((await hosts.nc.request(f"$SRV.PING.agents.{info['id']}", b"")).data)
    assert (ping["type"], ping["name"]) == ("io.nats.micro.v1.ping_response", "agents")
    stats = json.loads((await hosts.nc.request("$SRV.STATS", b"")).data)
    assert [endpoint["num_requests"] for endpoint in stats["endpoints"]] == [0, 0]


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/livez?x=1", 200)])
async def test_pages(hosts: Hosts, path: str, status: int) -> None:
    running = await hosts.start()
    assert (await running.page(path))[0] == status


async def test_draining_refuses_new_calls_and_finishes_those_under_way(hosts: Hosts) -> None:
    running = await hosts.start()
    over_nats = asyncio.create_task(running.nats_call("slow"))
    over_grpc = asyncio.create_task(running.grpc_call("slow"))
    await until(lambda: in_progress(running) == 2)
    running.host.stop()
    await until(lambda: readiness_is(running, 503))
    assert (await running.page("/livez"))[0] == 200

    async def is_refused() -> bool:
        try:
            await running.nats_call()
        except Unavailable:
            return True
        return False

    await until(is_refused)
    running.echo.release.set()
    assert (await over_nats).description.duration_s > 0
    assert (await over_grpc).description.duration_s > 0
    async with asyncio.timeout(5):
        await running.task
    assert running.host.state == "draining"


async def test_no_call_is_lost_while_one_of_two_instances_drains(hosts: Hosts) -> None:
    first = await hosts.start()
    await hosts.start()
    answered = 0

    async def call_again_and_again() -> None:
        nonlocal answered
        for _ in range(100):
            await first.rpc.call(
                SERVICE, "Imagine", agents_pb2.ImagineRequest(text="x"), agents_pb2.ImagineResponse, 5.0
            )
            answered += 1

    callers = [asyncio.create_task(call_again_and_again()) for _ in range(3)]
    await until(lambda: answered >= 30)
    first.host.stop()
    await asyncio.gather(*callers)
    assert answered == 300


async def test_a_stop_during_the_warm_up_ends_it(hosts: Hosts) -> None:
    warming = asyncio.Event()

    async def for_ever() -> None:
        warming.set()
        await asyncio.sleep(60)

    running = await hosts.start(warm_up=for_ever, wait=False)
    await warming.wait()
    assert json.loads((await running.page("/readyz"))[1])["state"] == "warming"
    with pytest.raises(Unavailable):
        await running.nats_call()
    running.host.stop()
    async with asyncio.timeout(5):
        await running.task


async def test_a_failed_warm_up_ends_the_process_with_its_error(hosts: Hosts) -> None:
    async def fail() -> None:
        raise FileNotFoundError("weights")

    running = await hosts.start(warm_up=fail, wait=False)
    with pytest.raises(FileNotFoundError):
        await running.task
    hosts.running.clear()
    await running.channel.close()


async def test_a_servicer_that_lacks_a_method_is_refused(hosts: Hosts) -> None:
    from luce.server.host import ServiceHost

    with pytest.raises(TypeError, match="no method Describe"):
        ServiceHost(
            "agents",
            nc=hosts.nc,
            servicers=[(object(), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        )


async def test_a_host_drains_without_nats(hosts: Hosts) -> None:
    running = await hosts.start()
    hosts.server.kill()
    running.host.stop()
    async with asyncio.timeout(8):
        await running.task


async def test_a_taken_port_ends_the_process_with_a_clear_error(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await hosts.start()
    taken = SETTINGS.model_copy(update={"grpc_address": f"127.0.0.1:{first.host.grpc_port}"})
    monkeypatch.setattr("tests.server.host.conftest.SETTINGS", taken)
    second = await hosts.start(wait=False)
    with pytest.raises(OSError, match="gRPC cannot listen"):
        await second.task
    hosts.running.remove(second)
    await second.channel.close()
