"""Images and words over `/v1/emotions`, media over `/v1/embeddings`, and `/v1/alignments`, before a simple service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from gateway.http import alignment_schemas, schemas
from luce.errors import InvalidArgument
from luce.server.bus import connect
from luce.server.host import ServiceHost
from luce.server.media import encode_png
from luce.server.settings import HostSettings
from luce.v1 import emotion_pb2, mapping_pb2, mapping_pb2_grpc, media_pb2
from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import Doors, eventually, running, settings_for

PNG = encode_png(np.full((16, 16, 3), 200, np.uint8))


class SimpleMapping:
    """Answers with what it was asked."""

    async def Embed(self, request: mapping_pb2.EmbedRequest, context: object) -> mapping_pb2.EmbedResponse:
        answer = mapping_pb2.EmbedResponse(model="text_encoder:1", models=["text_encoder:1", "image_encoder:1"])
        for place, _ in enumerate([*request.texts, *request.media]):
            answer.embeddings.add(values=[float(place), 0.5], medium="text" if place < len(request.texts) else "image")
        return answer

    async def Feel(self, request: mapping_pb2.FeelRequest, context: object) -> mapping_pb2.FeelResponse:
        if request.text == "?!":
            raise InvalidArgument("text holds no words", field="text", limit="at least one word")
        told = request.text or request.media.media_type
        return mapping_pb2.FeelResponse(
            emotion=emotion_pb2.Emotion(valence=0.5, arousal=-0.5, dominance=0.25),
            medium="text" if request.text else "image",
            valence_uncertainty=0.25,
            notes=[told],
            models=["image_emotion:1"],
        )

    async def Align(self, request: mapping_pb2.AlignRequest, context: object) -> mapping_pb2.AlignResponse:
        return mapping_pb2.AlignResponse(
            emotion=0.75,
            overall=0.75,
            reasons=[mapping_pb2.AlignReason(axis="valence", fit=0.25, text="Apart.")],
            seen=[request.image.media_type],
            heard=[request.audio.media_type],
        )


@pytest.fixture(scope="module")
async def doors(nats_server: NatsServer) -> AsyncIterator[Doors]:
    """A gateway, and a mapping service of a simple kind."""
    host = ServiceHost(
        "mapping",
        nc=await connect(nats_server.settings, "mapping"),
        servicers=[(SimpleMapping(), mapping_pb2.DESCRIPTOR.services_by_name["MappingService"])],
        settings=HostSettings(drain_wait_s=0, drain_timeout_s=2),
    )
    serving = asyncio.create_task(host.run())
    async with running(settings_for(nats_server.settings)) as opened:

        async def found() -> bool:
            return (await opened.http.post("/v1/emotions", json={"text": "joy"})).status_code == 200

        await eventually(found)
        yield opened
    host.stop()
    await serving


async def _key(doors: Doors, data: bytes) -> str:
    return str((await doors.http.post("/v1/blobs", content=data)).json()["key"])


async def test_words_are_felt_with_their_uncertainty_and_notes(doors: Doors) -> None:
    answer = await doors.http.post("/v1/emotions", json={"text": "joy\n"})
    felt = schemas.Feeling.model_validate(answer.json(), strict=True)
    assert (felt.medium, felt.emotion.valence, felt.emotion.dominance, felt.curve) == ("text", 0.5, 0.25, [])
    assert (felt.uncertainty.valence, felt.notes, felt.models) == (0.25, ["joy\n"], ["image_emotion:1"])


async def test_what_the_service_refuses_is_told_by_field(doors: Doors) -> None:
    answer = await doors.http.post("/v1/emotions", json={"text": "?!"})
    assert (answer.status_code, answer.json()["field"]) == (422, "text")


async def test_an_image_is_felt_sent_or_uploaded_before(doors: Doors) -> None:
    sent = await doors.http.post("/v1/emotions", files={"media": ("a.wav", PNG)})
    assert sent.json()["notes"] == ["image/png"]
    uploaded = await doors.http.post("/v1/emotions", json={"media_key": await _key(doors, PNG)})
    assert uploaded.json() == sent.json()


async def test_media_are_embedded_behind_the_texts(doors: Doors) -> None:
    key = await _key(doors, PNG)
    answer = await doors.http.post("/v1/embeddings", json={"input": "a sea", "media_keys": [key, key]})
    body = schemas.Embeddings.model_validate(answer.json(), strict=True)
    assert [entry.embedding for entry in body.data] == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]
    alone = await doors.http.post("/v1/embeddings", json={"media_keys": [key]})
    assert len(alone.json()["data"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/v1/embeddings", {}, 422, "input"),
        ("/v1/embeddings", {"media_keys": ["a"] * 17}, 422, "media"),
        ("/v1/embeddings", {"media_keys": [""]}, 422, "media[0]"),
        ("/v1/embeddings", {"media_keys": ["upload-strange"]}, 404, ""),
        ("/v1/embeddings", {"media_keys": ["upload-strange"], "input": [""]}, 422, "input[0]"),
        ("/v1/alignments", {}, 422, "image_key"),
        ("/v1/alignments", {"image_key": "", "audio_key": ""}, 422, "image"),
        ("/v1/alignments", {"image_key": "upload-strange", "audio_key": "upload-strange"}, 404, ""),
    ],
    ids=str,
)
async def test_bad_requests_are_problems_by_field(
    doors: Doors, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    answer = await doors.http.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert (answer.json().get("field") or "").startswith(field)


async def test_an_image_and_music_are_aligned_sent_or_uploaded_before(doors: Doors, short_song: bytes) -> None:
    sent = await doors.http.post("/v1/alignments", files={"image": ("a.png", PNG), "audio": ("a.wav", short_song)})
    found = alignment_schemas.Alignment.model_validate(sent.json(), strict=True)
    assert (found.overall, found.semantic, found.seen, found.heard) == (0.75, None, ["image/png"], ["audio/wav"])
    assert found.reasons[0].axis == "valence"
    keys = {"image_key": await _key(doors, PNG), "audio_key": await _key(doors, short_song)}
    assert (await doors.http.post("/v1/alignments", json=keys)).json() == sent.json()
    swapped = {"image_key": keys["audio_key"], "audio_key": keys["image_key"]}
    refused = await doors.http.post("/v1/alignments", json=swapped)
    assert (refused.status_code, refused.json()["field"]) == (422, "image")


async def test_a_form_to_align_needs_both_files_of_the_right_kind(doors: Doors, short_song: bytes) -> None:
    for files, status, field in (
        ([("image", ("a.png", PNG))], 422, "audio"),
        ([("image", ("a.wav", short_song)), ("audio", ("a.wav", short_song))], 415, "image"),
        ([("image", ("a.png", PNG)), ("image", ("b.png", PNG))], 422, "image"),
    ):
        answer = await doors.http.post("/v1/alignments", files=files)
        assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_media_are_embedded_and_aligned_over_grpc(doors: Doors, short_song: bytes) -> None:
    stub = mapping_pb2_grpc.MappingServiceStub(doors.channel)
    image = media_pb2.BlobRef(key=await _key(doors, PNG))
    embedded = await stub.Embed(mapping_pb2.EmbedRequest(texts=["a sea"], media=[image]))
    assert [entry.medium for entry in embedded.embeddings] == ["text", "image"]
    audio = media_pb2.BlobRef(key=await _key(doors, short_song))
    found = await stub.Align(mapping_pb2.AlignRequest(image=image, audio=audio))
    assert (found.overall, list(found.heard)) == (0.75, ["audio/wav"])
