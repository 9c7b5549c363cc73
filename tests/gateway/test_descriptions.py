"""`/v1/descriptions` and `/v1/emotions`, and the same over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest

from gateway import core
from gateway.http import schemas
from luce.server.music import midi
from luce.v1 import agents_pb2, jobs_pb2, jobs_pb2_grpc, mapping_pb2, mapping_pb2_grpc, media_pb2
from tests.fixtures.media import encode, happy_song, silence
from tests.fixtures.midi import midi_song
from tests.gateway.conftest import Doors

DESCRIPTIONS = "/v1/descriptions"
EMOTIONS = "/v1/emotions"


@pytest.fixture(scope="module")
def doors(doors_with_agents: Doors) -> Doors:
    """A gateway, workers, and agents of a simple kind."""
    return doors_with_agents


@pytest.fixture(scope="module")
def long_song() -> bytes:
    """A little more than a minute."""
    return encode(silence(61.0, rate=8000), "wav", rate=8000)


async def _post(doors: Doors, data: bytes, name: str = "song.wav", **headers: str) -> httpx.Response:
    return await doors.http.post(DESCRIPTIONS, files={"audio": (name, data)}, headers=headers)


def _problem(answer: httpx.Response, status: int, field: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["field"] == field
    return problem


async def test_a_short_piece_is_described_in_place(doors: Doors, short_song: bytes) -> None:
    answer = await _post(doors, short_song)
    assert answer.status_code == 200
    music = schemas.Music.model_validate(answer.json(), strict=True)
    assert music.summary == f"audio/wav of {len(short_song)} bytes"
    assert (music.key, music.key_alternatives) == ("C major", ["A minor"])
    assert (music.beat_times, music.tempo_alternatives, music.time_signature) == ([0.5, 1.0], [60.0], None)
    instruments, mood = music.descriptors
    assert (instruments.dimension, instruments.values, instruments.source) == ("instruments", [], None)
    assert (mood.values, mood.confidence, mood.source) == (["calm", "romantic"], 0.5, "model")
    assert "describe;dur=" in answer.headers["server-timing"]


async def test_an_upload_is_described_by_its_key(doors: Doors, short_song: bytes) -> None:
    key = (await doors.http.post("/v1/blobs", content=short_song)).json()["key"]
    answer = await doors.http.post(DESCRIPTIONS, json={"audio_key": key})
    assert answer.json() == (await _post(doors, short_song)).json()


async def test_a_long_piece_becomes_a_job_whose_result_is_the_description(doors: Doors, long_song: bytes) -> None:
    answer = await _post(doors, long_song)
    assert answer.status_code == 202
    job = answer.json()
    schemas.Job.model_validate(job, strict=True)
    assert (job["kind"], answer.headers["location"]) == ("describe", job["links"]["self"])
    waited = await _post(doors, long_song, Prefer="wait=20")
    assert (waited.status_code, waited.headers["preference-applied"]) == (200, "wait=20")
    music = schemas.Music.model_validate(waited.json(), strict=True)
    assert music.summary == f"audio/wav of {len(long_song)} bytes"
    result = await doors.http.get(f"{waited.headers['location']}/result")
    assert result.json() == waited.json()
    schemas.Job.model_validate((await doors.http.get(waited.headers["location"])).json(), strict=True)


async def test_a_client_may_ask_for_a_job(doors: Doors, short_song: bytes) -> None:
    answer = await _post(doors, short_song, Prefer="respond-async")
    assert answer.status_code == 202
    again = await _post(doors, short_song, **{"Prefer": "respond-async", "Idempotency-Key": "describe-it"})
    replayed = await _post(doors, short_song, **{"Prefer": "respond-async", "Idempotency-Key": "describe-it"})
    assert replayed.json()["id"] == again.json()["id"] != answer.json()["id"]
    assert replayed.headers["idempotency-replayed"] == "true"


async def test_a_job_that_fails_while_it_is_waited_for_is_the_problem_it_failed_with(
    doors: Doors, short_song: bytes
) -> None:
    answer = await _post(doors, short_song, "refuse.wav", Prefer="respond-async, wait=20")
    assert _problem(answer, 400, "audio")["code"] == "malformed_media"


async def test_waiting_in_vain_leaves_the_job_running_until_it_is_cancelled(doors: Doors, short_song: bytes) -> None:
    answer = await _post(doors, short_song, "wait.wav", Prefer="respond-async, wait=1")
    assert answer.status_code == 202
    assert (await doors.http.delete(answer.headers["location"])).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (DESCRIPTIONS, {}, 422, "audio_key"),
        (DESCRIPTIONS, {"audio_key": "upload-strange"}, 404, ""),
        (DESCRIPTIONS, {"audio_key": ""}, 422, "audio_key"),
        (DESCRIPTIONS, {"audio_key": 7}, 422, "audio_key"),
        (DESCRIPTIONS, {"audio_key": "a", "colour": "red"}, 422, "colour"),
        (EMOTIONS, {}, 422, "media_key"),
        (EMOTIONS, {"media_key": "a", "text": "joy"}, 422, "media_key"),
        (EMOTIONS, {"media_key": "upload-strange"}, 404, ""),
        (EMOTIONS, {"media_key": ""}, 422, "media"),
        (EMOTIONS, {"text": ""}, 422, "text[0]"),
        (EMOTIONS, {"text": "a" * 8193}, 422, "text[0]"),
        (EMOTIONS, {"text": "a\u0007b"}, 422, "text"),
        (EMOTIONS, {"text": "joy"}, 503, ""),
    ],
    ids=str,
)
async def test_bad_requests_are_problems_by_field(
    doors: Doors, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    answer = await doors.http.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert (answer.json().get("field") or "").startswith(field)


@pytest.mark.parametrize("path", [DESCRIPTIONS, EMOTIONS])
async def test_bad_forms_and_bodies_are_problems(doors: Doors, path: str, short_song: bytes) -> None:
    field = "audio" if path == DESCRIPTIONS else "media"
    _problem(await doors.http.post(path, files={field: ("a.wav", b"")}), 400, field)
    _problem(await doors.http.post(path, files={field: ("a.wav", b"no music " * 100)}), 415, field)
    _problem(await doors.http.post(path, files={field: ("a.wav", short_song[:60_000])}), 400, field)
    _problem(await doors.http.post(path, files={"song": ("a.wav", short_song)}), 422, "song")
    _problem(await doors.http.post(path, files={"seed": (None, "7")}), 422, "seed")
    _problem(await doors.http.post(path, content=b"<xml>", headers={"Content-Type": "text/xml"}), 415, "content-type")


async def test_a_piece_is_felt_in_place_whatever_its_length(doors: Doors, long_song: bytes, short_song: bytes) -> None:
    for data in (short_song, long_song):
        answer = await doors.http.post(EMOTIONS, files={"media": ("song.wav", data)})
        felt = schemas.Feeling.model_validate(answer.json(), strict=True)
        assert (felt.medium, felt.emotion.valence, felt.emotion.arousal) == ("audio", 0.5, -0.25)
        assert felt.curve[0].valence_uncertainty == 0.2
    key = (await doors.http.post("/v1/blobs", content=short_song)).json()["key"]
    assert (await doors.http.post(EMOTIONS, json={"media_key": key})).json() == answer.json()


def test_what_counts_as_midi_is_what_the_agents_read() -> None:
    assert (core.MIDI_MAGIC, core.MAX_MIDI_BYTES) == (midi.MAGIC, midi.MAX_BYTES)


async def test_midi_is_described_and_felt_in_place(doors: Doors) -> None:
    song = midi_song()
    described = await _post(doors, song, "song.mid")
    assert described.json()["summary"] == f"audio/midi of {len(song)} bytes"
    felt = await doors.http.post(EMOTIONS, files={"media": ("song.mid", song)})
    assert schemas.Feeling.model_validate(felt.json(), strict=True).medium == "midi"
    key = (await doors.http.post("/v1/blobs", content=song)).json()["key"]
    assert (await doors.http.post(DESCRIPTIONS, json={"audio_key": key})).json() == described.json()
    huge = await _post(doors, song + bytes(5 * 1024 * 1024), "song.mid")
    assert _problem(huge, 413, "audio")["limit"] == "4194304 bytes"


async def test_feel_over_grpc_answers_the_same(doors: Doors, short_song: bytes) -> None:
    stub = mapping_pb2_grpc.MappingServiceStub(doors.channel)
    key = (await doors.http.post("/v1/blobs", content=short_song)).json()["key"]
    felt = await stub.Feel(mapping_pb2.FeelRequest(media=media_pb2.BlobRef(key=key)))
    assert (felt.medium, felt.emotion.valence, len(felt.curve.points)) == ("audio", 0.5, 1)
    for request, code in (
        (mapping_pb2.FeelRequest(text="joy"), grpc.StatusCode.UNAVAILABLE),
        (mapping_pb2.FeelRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (mapping_pb2.FeelRequest(media=media_pb2.BlobRef(key="upload-strange")), grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Feel(request)
        assert refused.value.code() is code


async def test_a_describe_task_is_submitted_over_grpc_for_the_callers_own_audio(
    doors: Doors, short_song: bytes
) -> None:
    stub = jobs_pb2_grpc.JobsServiceStub(doors.channel)
    key = (await doors.http.post("/v1/blobs", content=short_song)).json()["key"]
    task = jobs_pb2.Task(describe=agents_pb2.DescribeRequest(audio=media_pb2.BlobRef(key=key, media_type="audio/none")))
    job = (await stub.Submit(jobs_pb2.SubmitRequest(task=task))).job
    events = [message.event async for message in stub.Watch(jobs_pb2.WatchRequest(id=job.id))]
    music = events[-1].state.result.describe.music
    assert music.summary == f"audio/wav of {len(short_song)} bytes"
    for bad in (jobs_pb2.Task(), jobs_pb2.Task(describe=agents_pb2.DescribeRequest())):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Submit(jobs_pb2.SubmitRequest(task=bad))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_another_song_is_another_description(doors: Doors) -> None:
    ogg = encode(happy_song(2.0), "vorbis")
    assert (await _post(doors, ogg)).json()["summary"] == f"audio/ogg of {len(ogg)} bytes"
