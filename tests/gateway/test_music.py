"""Words, pictures and videos into music, over HTTP and gRPC."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from luce.server.media import encode_png
from luce.v1 import jobs_pb2, jobs_pb2_grpc, mapping_pb2, media_pb2, media_pb2_grpc
from tests.fixtures.media import encode, happy_song
from tests.fixtures.midi import midi_song
from tests.fixtures.videos import GLOOMY, SUNNY, video
from tests.gateway.conftest import Doors

SCORES, COMPOSITIONS = "/v1/scores", "/v1/compositions"
PICTURE = encode_png(np.full((1, 1, 3), 200, np.uint8))
CLIP = video((SUNNY, 2.0), (GLOOMY, 2.0))
WAIT = {"Prefer": "wait=30"}


async def test_a_text_becomes_a_job_whose_result_is_music(doors: Doors) -> None:
    asked = {"text": "The harbour slept under snow.", "seconds": 12, "seed": 7, "key": "C minor", "stream": True}
    answer = await doors.http.post(COMPOSITIONS, json=asked, headers=WAIT)
    assert answer.status_code == 200
    job = answer.json()
    assert (job["kind"], job["state"], job["seed"]) == ("compose", "succeeded", 7)
    (piece,) = job["result"]["pieces"]
    assert (piece["duration_s"], piece["video"], set(piece["urls"])) == (12, None, {"audio", "midi", "piano_roll"})
    (step,) = job["result"]["chain"]
    assert step["elements"] == [{"name": "emotion", "values": ["calm"], "reason": "it says so"}]
    sound = await doors.http.get(job["links"]["result"])
    assert (sound.text, sound.headers["content-type"]) == ("audio 0", "audio/wav")
    for part in ("midi", "piano_roll", "audio"):
        assert (await doors.http.get(piece["urls"][part])).text == f"{part} 0"
    missing = await doors.http.get(job["links"]["result"], params={"part": "video"})
    assert (missing.status_code, missing.json()["field"]) == (404, "part")
    events = await doors.http.get(job["links"]["events"])
    parts = [json.loads(line[6:]) for line in events.text.splitlines() if line.startswith("data: ")]
    chunks = [part["audio"] for part in parts if "audio" in part]
    assert [(chunk["index"], chunk["last"]) for chunk in chunks] == [(0, False), (1, True)]
    assert (await doors.http.get(chunks[0]["audio"]["url"])).content[:4] == b"RIFF"
    heard = await doors.http.get(job["links"]["self"] + "/audio")
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.content[:4] + heard.content[40:44] == b"RIFF" + b"\xff" * 4
    assert np.frombuffer(heard.content[44:], np.int16).tolist() == [1] * 200 + [2] * 200


async def test_a_piece_that_is_not_streamed_cannot_be_listened_to(doors: Doors) -> None:
    job = (await doors.http.post(COMPOSITIONS, json={"text": "a sea"}, headers=WAIT)).json()
    answer = await doors.http.get(job["links"]["self"] + "/audio")
    assert (answer.status_code, answer.json()["field"]) == (409, "piece")
    assert (await doors.http.get("/v1/jobs/nobody/audio")).status_code == 404


async def test_music_goes_on_from_a_midi_file_sent_or_uploaded_before(doors: Doors) -> None:
    midi = midi_song(bars=2)
    sent = await doors.http.post(COMPOSITIONS, files={"midi": ("a.mid", midi)}, data={"seed": "1"})
    assert sent.status_code == 202
    blob = (await doors.http.post("/v1/blobs", files={"file": ("a.mid", midi)})).json()
    uploaded = await doors.http.post(COMPOSITIONS, json={"text": "a calm sea", "midi_key": blob["key"]})
    assert uploaded.status_code == 202
    varied = await doors.http.post(COMPOSITIONS, json={"midi_key": blob["key"], "variation": 0.5})
    assert varied.status_code == 202
    form = await doors.http.post(COMPOSITIONS, files={"midi": ("a.mid", midi)}, data={"variation": "1"})
    assert form.status_code == 202
    sound = await doors.http.post(COMPOSITIONS, files={"midi": ("a.wav", encode(happy_song(1.0), "wav"))})
    assert (sound.status_code, sound.json()["field"]) == (415, "midi")
    picture = (await doors.http.post("/v1/blobs", files={"file": ("a.png", PICTURE)})).json()
    refused = await doors.http.post(COMPOSITIONS, json={"midi_key": picture["key"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "midi")


async def test_several_pieces_are_json_and_each_is_fetched_by_its_index(doors: Doors) -> None:
    job = (await doors.http.post(COMPOSITIONS, json={"text": "a sea", "n": 2, "seed": 5}, headers=WAIT)).json()
    result = await doors.http.get(job["links"]["result"])
    assert [piece["seed"] for piece in result.json()["pieces"]] == [5, 6]
    assert (await doors.http.get(job["links"]["result"], params={"index": 1})).text == "audio 1"
    outside = await doors.http.get(job["links"]["result"], params={"index": 2})
    assert (outside.status_code, outside.json()["limit"]) == (404, "0..1")


async def test_a_form_takes_the_same_fields_and_lists_with_commas(doors: Doors) -> None:
    form = {
        "text": "a calm sea",
        "instruments": "piano, violin",
        "emotion": "0.5,-0.25",
        "tempo_bpm": "72",
        "seed": "1",
    }
    answer = await doors.http.post(COMPOSITIONS, files={key: (None, value) for key, value in form.items()})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    upload = await doors.http.post(COMPOSITIONS, files={"text": ("story.txt", b"a sea")})
    assert upload.status_code == 422


async def test_a_picture_and_a_video_become_jobs(doors: Doors) -> None:
    picture = await doors.http.post(SCORES, files={"media": ("a.png", PICTURE)}, data={"seconds": "9"}, headers=WAIT)
    assert picture.json()["result"]["pieces"][0]["duration_s"] == 9
    assert picture.json()["result"]["shots"] == []
    clip = await doors.http.post(SCORES, files={"media": ("a.mp4", CLIP)}, data={"accents": "true"}, headers=WAIT)
    assert len(clip.json()["result"]["shots"]) == 1


async def test_an_upload_is_scored_by_its_key_and_an_mp4_is_told_as_what_it_holds(doors: Doors) -> None:
    blob = (await doors.http.post("/v1/blobs", files={"file": ("clip.mp4", CLIP)})).json()
    assert blob["media_type"] == "video/mp4"
    answer = await doors.http.post(SCORES, json={"media_key": blob["key"], "mux": True})
    assert answer.status_code == 202
    sound = (await doors.http.post("/v1/blobs", files={"file": ("a.m4a", encode(happy_song(2.0), "m4a"))})).json()
    assert sound["media_type"] == "audio/mp4"
    refused = await doors.http.post(SCORES, json={"media_key": sound["key"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "media")
    assert (await doors.http.post(SCORES, json={"media_key": "upload-none"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "😀🎉"}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a" * 16_001}, "text"),
        ({"text": "sea", "seconds": 4}, "seconds"),
        ({"text": "sea", "seconds": 1e300}, "seconds"),
        ({"text": "sea", "n": 5}, "n"),
        ({"text": "sea", "n": -1}, "n"),
        ({"text": "sea", "seed": 2**64}, "seed"),
        ({"text": "sea", "candidates": 0}, "candidates"),
        ({"text": "sea", "seconds": 180, "n": 4, "candidates": 9}, "n"),
        ({"text": "sea", "key": "H major"}, "key"),
        ({"text": "sea", "variation": 0.5}, "variation"),
        ({"midi_key": "a", "variation": 0}, "variation"),
        ({"midi_key": "a", "variation": 1.5}, "variation"),
        ({"midi_key": "a", "variation": 1, "n": 4, "candidates": 9}, "n"),
        ({"text": "sea", "time_signature": "5/4"}, "time_signature"),
        ({"text": "sea", "audio_format": "aiff"}, "audio_format"),
        ({"text": "sea", "emotion": "warm"}, "emotion"),
        ({"text": "sea", "emotion": {"valence": 2, "arousal": 0}}, "emotion.valence"),
        ({"text": "sea", "instruments": ["piano"] * 9}, "instruments"),
        ({"text": "sea", "timeout_s": -1}, "timeout_s"),
        ({"text": "sea", "colour": "blue"}, "colour"),
        ({}, "text"),
    ],
)
async def test_a_composition_out_of_range_is_refused_by_name(doors: Doors, body: dict[str, Any], field: str) -> None:
    content = json.dumps(body)
    answer = await doors.http.post(COMPOSITIONS, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


async def test_a_text_of_a_megabyte_is_refused_in_json_and_in_a_form(doors: Doors) -> None:
    for sent in ({"json": {"text": "word " * 250_000}}, {"files": {"text": (None, "word " * 250_000)}}):
        answer = await doors.http.post(COMPOSITIONS, **sent)
        assert answer.status_code == 413
        assert answer.json()["limit"]


@pytest.mark.parametrize(
    ("data", "fields", "status", "field"),
    [
        (b"", {}, 400, "media"),
        (b"no picture at all" * 99, {}, 415, "media"),
        (PICTURE[:40], {}, 400, "media"),
        (CLIP[: len(CLIP) // 2], {}, 400, "media"),
        (encode(happy_song(1.0), "wav"), {}, 415, "media"),
        (PICTURE, {"mux": "true"}, 422, "mux"),
        (PICTURE, {"accents": "true"}, 422, "accents"),
        (PICTURE, {"seconds": "500"}, 422, "seconds"),
        (CLIP, {"seconds": "10"}, 422, "seconds"),
        (CLIP, {"n": "4", "candidates": "9"}, 422, "n"),
    ],
)
async def test_bad_media_are_refused_before_they_become_a_job(
    doors: Doors, data: bytes, fields: dict[str, str], status: int, field: str
) -> None:
    answer = await doors.http.post(SCORES, files={"media": ("file", data)}, data=fields)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


async def test_the_same_key_and_request_are_one_job_also_where_the_picture_is_sent_again(doors: Doors) -> None:
    headers = {"Idempotency-Key": "one score"}
    first, second = [
        await doors.http.post(SCORES, files={"media": ("a.png", PICTURE)}, data={"seed": "3"}, headers=headers)
        for _ in range(2)
    ]
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    other = await doors.http.post(SCORES, files={"media": ("a.png", PICTURE)}, data={"seed": "4"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_composition_is_cancelled(doors: Doors) -> None:
    job = (await doors.http.post(COMPOSITIONS, json={"text": "wait for it"})).json()
    assert (await doors.http.delete(job["links"]["self"])).json()["state"] == "cancelled"


async def test_a_video_goes_in_and_music_comes_out_over_grpc(doors: Doors) -> None:
    def parts() -> Any:
        yield media_pb2.UploadRequest(header=media_pb2.UploadHeader(filename="clip.mp4"))
        yield media_pb2.UploadRequest(chunk=CLIP)

    media, jobs = media_pb2_grpc.MediaServiceStub(doors.channel), jobs_pb2_grpc.JobsServiceStub(doors.channel)
    blob = (await media.Upload(parts())).blob
    assert blob.media_type == "video/mp4"
    request = mapping_pb2.ScoreRequest(media=blob, options=mapping_pb2.MusicOptions(seed=9), accents=True)
    reply = await jobs.Submit(jobs_pb2.SubmitRequest(task=jobs_pb2.Task(score=request)))
    last = None
    async for response in jobs.Watch(jobs_pb2.WatchRequest(id=reply.job.id)):
        last = response.event
    assert last is not None
    assert last.state.result.score.pieces[0].seed == 9
