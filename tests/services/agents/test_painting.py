from __future__ import annotations

import asyncio
import io
import json

import av
import numpy as np
import pytest

from luce.server.bus import BusClient
from luce.server.inference import InferenceClient
from luce.server.measures import va_cosine, va_similarity
from luce.server.media import MediaDecoder
from luce.v1 import agents_pb2, jobs_pb2
from services.agents.orders import candidate_seed
from tests.fixtures.media import encode, silence, wav_bytes
from tests.fixtures.midi import midi_song
from tests.fixtures.nats import NatsServer
from tests.fixtures.triton import REPOSITORY, TritonServer
from tests.services.agents.conftest import OWNER, Studio, opened, opened_studio


async def test_a_song_becomes_pictures_that_say_where_they_come_from(studio: Studio, happy_ogg: bytes) -> None:
    job = await studio.paint(await studio.upload(happy_ogg), n=2, steps=3)
    result = job.result.paint
    assert [image.seed for image in result.images] == [7, 8]
    assert result.images[0].prompt.text != result.images[1].prompt.text
    picture = opened(await studio.picture(job, 1))
    assert picture.size == (256, 256)
    assert picture.info["Description"] == result.images[1].prompt.text
    assert (picture.info["luce:seed"], picture.info["luce:steps"]) == ("8", "3")
    assert np.asarray(picture).std() > 1
    assert {"music_emotion", "image_generator", "image_encoder", "image_emotion"} <= set(job.models)
    assert [timing.stage for timing in job.timings][-4:] == ["imagine", "paint", "look", "store"]
    assert result.music.duration_s == pytest.approx(12, abs=0.1)
    assert result.music.summary


async def test_a_picture_tells_how_it_feels_and_fits(studio: Studio, happy_ogg: bytes) -> None:
    job = await studio.paint(await studio.upload(happy_ogg), n=2)
    heard = job.result.paint.music.emotion
    for index, image in enumerate(job.result.paint.images):
        told = image.measures
        seen = np.array([told.image_emotion.valence, told.image_emotion.arousal])
        music = np.array([heard.valence, heard.arousal])
        assert told.va_similarity == pytest.approx(va_similarity(seen, music), abs=1e-6)
        assert told.va_cosine == pytest.approx(va_cosine(seen, music), abs=1e-6)
        assert -1 <= told.text_similarity <= 1
        assert 0 < told.sem_score < 1
        picture = opened(await studio.picture(job, index))
        assert told.brightness == pytest.approx(np.asarray(picture.convert("L")).mean() / 255, abs=0.01)
        assert picture.info["luce:va_similarity"] == f"{told.va_similarity:.3f}"
        assert "image_emotion" in picture.info["luce:models"]
        assert "Apache-2.0" in picture.info["luce:weights_licence"]


async def test_words_alone_are_measured_without_music(studio: Studio) -> None:
    (image,) = (await studio.paint(prompt="a castle by the sea")).result.paint.images
    assert not image.measures.HasField("va_similarity")
    assert image.measures.HasField("image_emotion")


async def test_the_best_of_several_is_one_of_them_and_none_fits_better(studio: Studio, sad_ogg: bytes) -> None:
    song = await studio.upload(sad_ogg)
    best = await studio.paint(song, best_of=3)
    (kept,) = best.result.paint.images
    assert kept.seed == candidate_seed(7, kept.candidate)
    assert opened(await studio.picture(best)).info["luce:candidate"] == f"{kept.candidate + 1} of 3"
    plain = (await studio.paint(song)).result.paint.images[0]

    def fit(image: agents_pb2.PaintedImage) -> float:
        return image.measures.va_similarity + 0.5 * image.measures.text_similarity

    assert fit(kept) >= fit(plain) - 1e-4
    again = await studio.paint(song, best_of=3)
    assert await studio.picture(again) == await studio.picture(best)


async def test_frames_become_an_animation_as_long_as_the_music(studio: Studio, happy_ogg: bytes) -> None:
    job = await studio.submit(await studio.upload(happy_ogg), frames=3)
    stages = [
        event.progress.stage
        async for event in studio.jobs.watch(job.id, OWNER)
        if event.WhichOneof("event") == "progress"
    ]
    assert list(dict.fromkeys(stages))[-3:] == ["look", "film", "store"]
    result = (await studio.jobs.get(job.id, OWNER)).result.paint
    assert [image.seed for image in result.images] == [7, 7, 7]
    times = [image.time_s for image in result.images]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == pytest.approx(result.music.duration_s, abs=0.01)
    film = result.animation
    assert (film.file.media_type, film.sound, film.frames_per_second) == ("video/mp4", True, 24)
    data = await studio.objects.get(film.file.key, owner=OWNER)
    with av.open(io.BytesIO(data), "r") as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert (container.duration or 0) / av.time_base == pytest.approx(result.music.duration_s, abs=0.1)
        assert json.loads(container.metadata["comment"])["seed"] == 7


async def test_midi_moves_without_sound_and_a_gif_is_told_as_one(studio: Studio) -> None:
    midi = await studio.upload(midi_song(bars=2))
    silent = (await studio.paint(midi, frames=2)).result.paint.animation
    assert (silent.file.media_type, silent.sound) == ("video/mp4", False)
    gif = (await studio.paint(midi, frames=2, animation_format="gif", width=192, height=192)).result.paint.animation
    assert (gif.file.media_type, gif.width, gif.frames_per_second) == ("image/gif", 192, 8)
    data = await studio.objects.get(gif.file.key, owner=OWNER)
    assert data.startswith(b"GIF89a")


async def test_progress_previews_and_parts_are_told_in_order(studio: Studio, happy_ogg: bytes) -> None:
    job = await studio.submit(await studio.upload(happy_ogg), steps=6, preview_every=2)
    fractions, previews, parts = [], [], []
    async for event in studio.jobs.watch(job.id, OWNER):
        match event.WhichOneof("event"):
            case "progress":
                fractions.append(event.progress.fraction)
            case "preview":
                previews.append(event.preview)
            case "partial":
                parts.append(event.partial.WhichOneof("part"))
    assert fractions == sorted(fractions)
    assert parts == ["music", "prompt", "image"]
    assert [preview.step for preview in previews] == [2, 4]
    shown = opened(await studio.objects.get(previews[0].image.key, owner=OWNER))
    assert shown.size == (64, 64)


async def test_the_same_seed_gives_the_same_bytes_alone_and_beside_others(studio: Studio, happy_ogg: bytes) -> None:
    song = await studio.upload(happy_ogg)
    alone = await studio.picture(await studio.paint(song, steps=4))
    together = await asyncio.gather(
        studio.paint(song, steps=4), studio.paint(song, seed=99, steps=9), studio.paint(prompt="a castle", n=3)
    )
    assert await studio.picture(together[0]) == alone
    assert await studio.picture(together[1]) != alone


async def test_two_songs_give_two_prompts_and_two_pictures(studio: Studio, happy_ogg: bytes, sad_ogg: bytes) -> None:
    songs = [await studio.upload(song) for song in (happy_ogg, sad_ogg)]
    happy, sad = await asyncio.gather(*(studio.paint(song, steps=4) for song in songs))
    assert happy.result.paint.images[0].prompt.text != sad.result.paint.images[0].prompt.text
    assert await studio.picture(happy) != await studio.picture(sad)
    assert happy.result.paint.music.emotion.arousal > sad.result.paint.music.emotion.arousal


async def test_words_alone_become_a_picture(studio: Studio) -> None:
    job = await studio.paint(prompt="  a castle by the sea ", width=192, height=320)
    assert not job.result.paint.HasField("music")
    assert job.result.paint.images[0].prompt.text == "a castle by the sea"
    assert opened(await studio.picture(job)).size == (192, 320)


async def test_words_lead_and_music_colours_them(studio: Studio, sad_ogg: bytes) -> None:
    job = await studio.paint(await studio.upload(sad_ogg), "a castle", negative_prompt="people")
    (image,) = job.result.paint.images
    assert image.prompt.text.startswith("a castle, ")
    assert image.prompt.negative_text.startswith("people")


async def test_silence_is_described_and_painted(studio: Studio) -> None:
    job = await studio.paint(await studio.upload(encode(silence(3.0), "flac")))
    music = job.result.paint.music
    assert music.silent
    assert "silence" in music.summary
    assert music.emotion.arousal == -1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not audio at all", "malformed_media"),
        (encode(silence(2.0), "flac")[:-300], "malformed_media"),
        (wav_bytes(np.zeros((9999, 32), np.float32), channels=32), "invalid_argument"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "unsupported_media_type"),
    ],
)
async def test_bad_audio_fails_the_job_at_once(studio: Studio, data: bytes, code: str) -> None:
    job = await studio.paint(await studio.upload(data))
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert (job.problem.code, job.problem.field) == (code, "audio")
    assert job.attempts == 1


async def test_another_owners_audio_is_not_found(studio: Studio, happy_ogg: bytes) -> None:
    job = await studio.paint(await studio.upload(happy_ogg, owner="somebody else"))
    assert job.problem.code == "not_found"


async def test_a_field_out_of_range_fails_the_job_with_the_range(studio: Studio) -> None:
    job = await studio.paint(prompt="a castle", steps=101)
    assert (job.problem.code, job.problem.field, job.problem.limit) == ("invalid_argument", "steps", "1..100")


async def test_a_cancelled_job_stops_painting(studio: Studio) -> None:
    job = await studio.submit(prompt="a castle", steps=100, n=2)
    async for event in studio.jobs.watch(job.id, OWNER):
        if event.WhichOneof("event") == "progress" and event.progress.fraction > 0.16:
            break
    assert (await studio.jobs.cancel(job.id, OWNER)).state == jobs_pb2.JOB_STATE_CANCELLED
    # The places in the batch are free again: a short job is not behind two long ones.
    after = await studio.paint(prompt="a castle", steps=1)
    assert after.state == jobs_pb2.JOB_STATE_SUCCEEDED


@pytest.mark.slow
async def test_a_job_waits_for_triton_and_finishes_at_its_first_attempt(
    nats: BusClient,
    nats_server: NatsServer,
    decoder: MediaDecoder,
    happy_ogg: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    triton = TritonServer(REPOSITORY, tmp_path_factory.mktemp("away"))
    inference = InferenceClient(triton.settings)
    async for studio in opened_studio(nats, nats_server, decoder, inference):
        job = await studio.submit(await studio.upload(happy_ogg))
        async for event in studio.jobs.watch(job.id, OWNER):
            if event.progress.stage == "listen":
                break
        await asyncio.sleep(1)
        await asyncio.to_thread(triton.start)
        try:
            done = await studio.jobs.wait(job.id, OWNER, 60)
        finally:
            await asyncio.to_thread(triton.stop)
        assert done.state == jobs_pb2.JOB_STATE_SUCCEEDED
        assert done.attempts == 1
    await inference.close()


@pytest.mark.slow
async def test_a_job_survives_the_death_of_triton_in_the_middle_of_a_picture(
    nats: BusClient, nats_server: NatsServer, decoder: MediaDecoder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    triton = TritonServer(REPOSITORY, tmp_path_factory.mktemp("dies"))
    await asyncio.to_thread(triton.start)
    inference = InferenceClient(triton.settings)
    try:
        async for studio in opened_studio(nats, nats_server, decoder, inference):
            undisturbed = await studio.picture(await studio.paint(prompt="a castle", steps=40))
            job = await studio.submit(prompt="a castle", steps=40)
            async for event in studio.jobs.watch(job.id, OWNER):
                if event.WhichOneof("event") == "progress" and event.progress.fraction > 0.2:
                    break
            assert triton.process is not None
            triton.process.kill()
            await asyncio.to_thread(triton.process.wait)
            await asyncio.to_thread(triton.start)
            done = await studio.jobs.wait(job.id, OWNER, 60)
            assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 1)
            assert await studio.picture(done) == undisturbed
    finally:
        await asyncio.to_thread(triton.stop)
        await inference.close()
