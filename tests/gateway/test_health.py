"""Live, ready, metered, documented; and NATS or Triton away."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import Doors, eventually, running, settings_for

PATH = "/v1/images/generations"


async def test_readiness_names_every_dependency(doors: Doors) -> None:
    answer = await doors.http.get("/readyz")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["status"] == "broken"
    dependencies = answer.json()["dependencies"]
    assert {name: found["ready"] for name, found in dependencies.items()} == {
        "nats": True,
        "triton": False,
        "agents": False,
        "mapping": False,
    }
    assert all(found["detail"] for found in dependencies.values())
    assert (await doors.http.get("/livez")).status_code == 200


async def test_metrics_count_by_route_and_never_by_path(doors: Doors) -> None:
    await doors.http.get("/v1/jobs/some-very-special-job")
    await doors.http.get("/some/very/special/path")
    metrics = (await doors.http.get("/metrics")).text
    assert 'luce_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"}' in metrics
    assert 'route="unmatched",status="404"' in metrics
    assert "very" not in metrics
    assert 'luce_dependency_up{dependency="nats"} 1.0' in metrics
    assert 'luce_service_state{service="gateway",state="broken"} 1.0' in metrics


async def test_without_triton_jobs_are_taken_and_embeddings_are_503(doors: Doors) -> None:
    assert (await doors.http.post(PATH, json={"prompt": "a"})).status_code == 202
    answer = await doors.http.post("/v1/embeddings", json={"input": "joy"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_without_nats_a_submission_is_503_and_a_job_taken_before_is_there_when_it_returns(
    nats_server: NatsServer,
) -> None:
    async with running(settings_for(nats_server.settings)) as doors:
        job = (await doors.http.post(PATH, json={"prompt": "wait"})).json()
        nats_server.kill()
        for answer in (
            await doors.http.post(PATH, json={"prompt": "a"}),
            await doors.http.get(job["links"]["self"]),
            await doors.http.get(job["links"]["events"]),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        assert (await doors.http.get("/livez")).status_code == 200

        async def nats_is(ready: bool) -> bool:
            answer = await doors.http.get("/readyz")
            return bool(answer.json()["dependencies"]["nats"]["ready"]) is ready

        await eventually(lambda: nats_is(False))
        nats_server.start()
        await eventually(lambda: nats_is(True))
        back = await doors.http.get(job["links"]["self"])
        assert (back.status_code, back.json()["id"]) == (200, job["id"])
        assert (await doors.http.post(PATH, json={"prompt": "a"})).status_code == 202


async def test_one_request_too_many_is_429_and_probes_still_answer(nats_server: NatsServer) -> None:
    async with running(settings_for(nats_server.settings, max_requests=16)) as doors:
        url = (await doors.http.post(PATH, json={"prompt": "wait"})).json()["links"]["events"]
        async with AsyncExitStack() as stack:
            answers = [await stack.enter_async_context(doors.http.stream("GET", url)) for _ in range(17)]
            assert [answer.status_code for answer in answers] == [200] * 16 + [429]
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert (await doors.http.get("/livez")).status_code == 200
            doors.server.core.drain()
