"""From a song to a picture, through every real server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import luce
from tests.fixtures.stack import RunningStack

pytestmark = pytest.mark.timeout(300)

STEPS = 4


def pixels(image: luce.PaintedImage) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB"))


def test_a_song_becomes_a_picture_with_all_that_was_heard_and_done(stack_client: luce.Client, happy_ogg: bytes) -> None:
    seen: list[luce.JobEvent] = []
    painting = stack_client.paint(happy_ogg, seed=7, steps=STEPS, preview_every=2, on_event=seen.append)
    (image,) = painting.images
    assert pixels(image).shape == (image.height, image.width, 3)
    assert pixels(image).std() > 5, "the picture is one flat colour"
    assert painting.seed == image.seed == 7
    assert painting.prompts[0]
    assert painting.music is not None
    assert painting.music.duration_s == pytest.approx(12, abs=0.5)
    assert painting.music.curve
    assert {"image_generator", "music_emotion"} <= set(painting.job.models)
    assert {"queue", "paint", "store"} <= set(painting.timings)
    kinds = {type(event) for event in seen}
    assert {luce.StateChanged, luce.Progress, luce.MusicHeard, luce.PromptWritten, luce.Preview} <= kinds
    fractions = [event.fraction for event in seen if isinstance(event, luce.Progress)]
    assert fractions == sorted(fractions)
    previews = [event for event in seen if isinstance(event, luce.Preview)]
    assert Image.open(io.BytesIO(stack_client.download(previews[0].image))).format == "PNG"


def test_two_songs_that_feel_different_give_different_prompts_and_pictures(
    stack_client: luce.Client, happy_ogg: bytes, sad_ogg: bytes
) -> None:
    happy = stack_client.paint(happy_ogg, seed=3, steps=STEPS)
    sad = stack_client.paint(sad_ogg, seed=3, steps=STEPS)
    assert happy.music is not None
    assert sad.music is not None
    assert happy.music.emotion.arousal > sad.music.emotion.arousal
    assert happy.prompts != sad.prompts
    difference = np.abs(pixels(happy.images[0]).astype(int) - pixels(sad.images[0]).astype(int))
    assert difference.mean() > 10


async def test_the_same_seed_gives_the_same_bytes_alone_and_with_others_in_flight(
    stack: RunningStack, happy_ogg: bytes, sad_ogg: bytes
) -> None:
    async with luce.AsyncClient(stack.grpc) as client:
        alone = await client.paint(happy_ogg, seed=11, steps=STEPS)
        others = [client.paint(sad_ogg, seed=seed, steps=STEPS + seed) for seed in range(3)]
        again, *_ = await asyncio.gather(client.paint(happy_ogg, seed=11, steps=STEPS), *others)
    assert again.images[0].data == alone.images[0].data
    assert again.prompts == alone.prompts


def test_several_pictures_of_one_song_differ_and_each_can_be_had_again_by_its_seed(
    stack_client: luce.Client, happy_ogg: bytes
) -> None:
    painting = stack_client.paint(happy_ogg, n=3, seed=20, steps=STEPS)
    assert [image.seed for image in painting.images] == [20, 21, 22]
    assert len({hashlib.sha256(image.data).hexdigest() for image in painting.images}) == 3
    assert len(set(painting.prompts)) == 3


def test_a_seed_that_was_drawn_is_told_and_gives_the_picture_again(stack_client: luce.Client) -> None:
    first = stack_client.paint(prompt="a lighthouse on a cliff", steps=STEPS)
    again = stack_client.paint(prompt="a lighthouse on a cliff", steps=STEPS, seed=first.seed)
    assert again.images[0].data == first.images[0].data
    assert first.music is None


def test_a_size_is_kept_and_the_words_stay_in_the_prompt(stack_client: luce.Client, sad_ogg: bytes) -> None:
    painting = stack_client.paint(sad_ogg, "a lighthouse on a cliff", size=(256, 192), steps=STEPS)
    assert pixels(painting.images[0]).shape == (192, 256, 3)
    assert "lighthouse" in painting.prompts[0]


def test_the_same_key_and_request_are_the_same_job_and_another_request_is_refused(
    stack_client: luce.Client, happy_ogg: bytes
) -> None:
    first = stack_client.submit_paint(prompt="a", idempotency_key="twice", steps=STEPS)
    assert stack_client.submit_paint(prompt="a", idempotency_key="twice", steps=STEPS).id == first.id
    with pytest.raises(luce.IdempotencyMismatch):
        stack_client.submit_paint(prompt="b", idempotency_key="twice", steps=STEPS)
    assert first.wait().state is luce.JobState.SUCCEEDED


def test_a_cancelled_job_ends_cancelled_and_says_so_again(stack_client: luce.Client) -> None:
    handle = stack_client.submit_paint(prompt="a slow picture", steps=100, n=4)
    for event in handle.events():
        if isinstance(event, luce.Progress) and event.stage == "paint":
            break
    assert handle.cancel().state is luce.JobState.CANCELLED
    assert handle.cancel().state is luce.JobState.CANCELLED
    assert handle.wait().state is luce.JobState.CANCELLED
    with pytest.raises(luce.Cancelled):
        handle.result()
    # The slot is free: the next one does not wait for the hundred steps.
    assert stack_client.paint(prompt="a quick picture", steps=STEPS).images


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 10000}, "steps"),
        ({"n": 100}, "n"),
        ({"size": (13, 13)}, "width"),
        ({"guidance_scale": 99.0}, "guidance_scale"),
        ({"prompt": "x" * 2000}, "prompt"),
    ],
)
def test_what_is_out_of_range_is_refused_with_field_and_range(
    stack_client: luce.Client, options: dict[str, object], field: str
) -> None:
    arguments = {"prompt": "a"} | options
    with pytest.raises(luce.InvalidArgument) as raised:
        stack_client.submit_paint(**arguments)  # type: ignore[arg-type]
    assert field in raised.value.field
    assert raised.value.limit


@pytest.mark.parametrize("audio", [b"", b"not music at all" * 100, b"<html></html>", b"PK\x03\x04" + bytes(500)])
def test_what_is_not_audio_is_refused(stack_client: luce.Client, audio: bytes) -> None:
    with pytest.raises(luce.RequestError):
        stack_client.paint(audio, steps=STEPS)


def test_an_upload_past_the_limit_is_refused_on_its_way(stack_client: luce.Client, happy_ogg: bytes) -> None:
    with pytest.raises(luce.PayloadTooLarge) as raised:
        stack_client.upload(happy_ogg + bytes(80 * 1024 * 1024))
    assert raised.value.limit


def test_describe_and_embed_answer(stack_client: luce.Client, happy_ogg: bytes) -> None:
    music = stack_client.describe(happy_ogg)
    assert music.summary
    assert music.duration_s == pytest.approx(12, abs=0.5)
    sea, ocean, motor = stack_client.embed(["a calm sea", "a quiet ocean", "a motorcycle race"]).vectors
    assert np.dot(sea, ocean) > np.dot(sea, motor)


def test_the_command_line_paints_with_the_running_stack(stack: RunningStack, happy_ogg: bytes, tmp_path: Path) -> None:
    (tmp_path / "song.ogg").write_bytes(happy_ogg)
    command = ["paint", "song.ogg", "-o", "picture.png", "--seed", "7", "--steps", str(STEPS), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "luce.cli.main", *command],
        env=stack.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["seed"] == 7
    assert -1 <= told["emotion"]["valence"] <= 1
    assert told["startup_s"] == 0
    assert hashlib.sha256((tmp_path / "picture.png").read_bytes()).hexdigest() == told["files"][0]["sha256"]


def test_jobs_are_listed_newest_first(stack_client: luce.Client) -> None:
    ids = [stack_client.submit_paint(prompt="a", steps=1).id for _ in range(3)]
    listed = [job.id for job in stack_client.jobs.list(page_size=2)]
    assert listed[:3] == ids[::-1]
    for job_id in ids:
        assert stack_client.jobs.handle(job_id).wait().state is luce.JobState.SUCCEEDED
