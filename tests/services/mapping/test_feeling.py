"""Words, images and recordings felt, embedded and aligned, on the real NATS and the real Triton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from luce.errors import InvalidArgument, MalformedMedia, NotFound, UnsupportedMediaType
from luce.server.bus import BusClient, ObjectStore, connect
from luce.server.deadline import Deadline
from luce.server.host import NatsRpc, ServiceHost
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler
from luce.server.media import MediaDecoder, encode_png
from luce.server.settings import HostSettings
from luce.server.vision import PictureReader
from luce.v1 import agents_pb2, emotion_pb2, mapping_pb2, media_pb2
from services.mapping.core import Mapping
from services.mapping.embedding import MediaEncoder
from services.mapping.feeling import Feeler
from tests.fixtures.media import happy_song, wav_bytes
from tests.fixtures.midi import midi_song
from tests.fixtures.nats import NatsServer
from tests.services.mapping.conftest import OWNER, picture


class SimpleAgents:
    """Hears the same in every piece."""

    async def Describe(self, request: agents_pb2.DescribeRequest, context: object) -> agents_pb2.DescribeResponse:
        music = agents_pb2.MusicDescription(emotion=emotion_pb2.Emotion(valence=0.5, arousal=0.25))
        music.curve.points.add(duration_s=5.0, valence_uncertainty=0.2, arousal_uncertainty=0.1)
        return agents_pb2.DescribeResponse(description=music)

    async def Imagine(self, request: agents_pb2.ImagineRequest, context: object) -> agents_pb2.ImagineResponse:
        raise NotImplementedError


@pytest.fixture
async def store(nats: BusClient, nats_server: NatsServer) -> ObjectStore:
    objects = ObjectStore(nats.jetstream(), nats_server.settings)
    await objects.ensure()
    return objects


@pytest.fixture
def mapping(store: ObjectStore, nats: BusClient, inference: InferenceClient, decoder: MediaDecoder) -> Mapping:
    pictures = PictureReader(inference)
    encoder = MediaEncoder(inference, pictures, decoder)
    feeler = Feeler(TextFeeler(inference), pictures, decoder)
    return Mapping(store, TextEmbedder(inference), encoder, feeler, NatsRpc(nats))


@pytest.fixture
async def agents(nats_server: NatsServer) -> AsyncIterator[None]:
    """Agents of a simple kind, found by the bus."""
    host = ServiceHost(
        "agents",
        nc=await connect(nats_server.settings, "agents"),
        servicers=[(SimpleAgents(), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        settings=HostSettings(drain_wait_s=0, drain_timeout_s=2),
    )
    serving = asyncio.create_task(host.run())
    yield
    host.stop()
    await serving


def soon() -> Deadline:
    return Deadline.after(60)


async def put(store: ObjectStore, data: bytes, media_type: str) -> media_pb2.BlobRef:
    return await store.put(data, media_type=media_type, filename="m", owner=OWNER, max_bytes=1 << 26)


async def felt(mapping: Mapping, text: str) -> mapping_pb2.FeelResponse:
    return await mapping.feel(mapping_pb2.FeelRequest(text=text), soon())


async def test_glad_words_feel_better_than_sad_ones_and_shouts_more_awake_than_whispers(mapping: Mapping) -> None:
    glad = await felt(mapping, "I am so happy, this is the best day of my life!")
    sad = await felt(mapping, "She died alone, and nobody came to the funeral.")
    quiet = await felt(mapping, "It is a quiet afternoon, nothing much happens.")
    assert glad.emotion.valence > quiet.emotion.valence > sad.emotion.valence
    assert glad.emotion.arousal > quiet.emotion.arousal
    assert (glad.medium, list(glad.notes)) == ("text", [])
    assert all(0 < value < 1 for value in (glad.valence_uncertainty, glad.arousal_uncertainty))
    assert [name.partition(":")[0] for name in glad.models] == ["text_encoder", "text_emotion"]


async def test_a_long_text_is_felt_to_its_end(mapping: Mapping) -> None:
    calm = "The lake lay still, and the morning was warm and kind. " * 30
    ending = calm + "Then they were all murdered, screaming in terror and blood. " * 30
    assert (await felt(mapping, ending)).emotion.valence < (await felt(mapping, calm)).emotion.valence


async def test_words_that_do_not_look_english_are_answered_with_a_note(mapping: Mapping) -> None:
    (note,) = (await felt(mapping, "Съешь же ещё этих мягких французских булок, да выпей чаю")).notes
    assert "English" in note


@pytest.mark.parametrize(
    ("text", "why"), [(" \t\n", "white space"), ("\u200b\u0007", "white space"), ("🙂🙂 123 ?!", "emoji")]
)
async def test_a_text_without_words_is_refused(mapping: Mapping, text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why) as refused:
        await felt(mapping, text)
    assert (refused.value.field, refused.value.limit) == ("text", "at least one word")


async def test_an_image_is_felt_be_it_one_pixel(mapping: Mapping, store: ObjectStore) -> None:
    for data in (picture((240, 200, 90)), encode_png(np.zeros((1, 1, 3), np.uint8))):
        image = await put(store, data, "image/png")
        told = await mapping.feel(mapping_pb2.FeelRequest(media=image), soon())
        assert (told.medium, len(told.models)) == ("image", 2)
        assert -1 <= told.emotion.valence <= 1
        assert told.valence_uncertainty > 0.1
    broken = await put(store, picture((9, 9, 9))[:60], "image/png")
    with pytest.raises(MalformedMedia):
        await mapping.feel(mapping_pb2.FeelRequest(media=broken), soon())


async def test_nothing_to_feel_is_refused(mapping: Mapping) -> None:
    with pytest.raises(InvalidArgument, match="nothing to feel"):
        await mapping.feel(mapping_pb2.FeelRequest(), soon())
    lost = media_pb2.BlobRef(key="upload-strange", media_type="image/png")
    with pytest.raises(NotFound):
        await mapping.feel(mapping_pb2.FeelRequest(media=lost), soon())


async def test_texts_images_and_audio_become_vectors_of_one_length_in_order(
    mapping: Mapping, store: ObjectStore
) -> None:
    image = await put(store, picture((20, 90, 200)), "image/png")
    song = await put(store, wav_bytes(happy_song(12.0)), "audio/wav")
    answer = await mapping.embed(mapping_pb2.EmbedRequest(texts=["a sea"], media=[song, image, song]), soon())
    vectors = np.array([list(found.values) for found in answer.embeddings])
    assert vectors.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert [found.medium for found in answer.embeddings] == ["text", "audio", "image", "audio"]
    assert vectors[1].tobytes() == vectors[3].tobytes()
    assert [name.partition(":")[0] for name in answer.models] == ["text_encoder", "audio_encoder", "image_encoder"]
    assert answer.model == answer.models[0]


async def test_what_cannot_be_embedded_is_refused_by_its_place(mapping: Mapping, store: ObjectStore) -> None:
    with pytest.raises(InvalidArgument, match="nothing to embed"):
        await mapping.embed(mapping_pb2.EmbedRequest(), soon())
    piece = await put(store, midi_song(), "audio/midi")
    with pytest.raises(UnsupportedMediaType) as refused:
        await mapping.embed(mapping_pb2.EmbedRequest(media=[piece]), soon())
    assert refused.value.field == "media[0]"
    with pytest.raises(InvalidArgument, match="media has 17"):
        await mapping.embed(mapping_pb2.EmbedRequest(media=[piece] * 17), soon())


async def test_an_image_and_a_song_are_aligned_with_reasons(mapping: Mapping, store: ObjectStore, agents: None) -> None:
    image = await put(store, picture((240, 200, 90)), "image/png")
    song = await put(store, wav_bytes(happy_song(12.0)), "audio/wav")
    found = await mapping.align(mapping_pb2.AlignRequest(image=image, audio=song), soon())
    assert (found.music_emotion.valence, found.music_emotion.arousal) == (0.5, 0.25)
    assert found.HasField("semantic")
    assert found.overall == pytest.approx(0.6 * found.emotion + 0.4 * found.semantic, abs=1e-6)
    assert {reason.axis for reason in found.reasons} == {"valence", "arousal", "meaning"}
    piece = await put(store, midi_song(), "audio/midi")
    written = await mapping.align(mapping_pb2.AlignRequest(image=image, audio=piece), soon())
    assert (written.HasField("semantic"), written.overall) == (False, written.emotion)
