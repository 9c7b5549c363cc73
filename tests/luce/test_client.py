from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import BinaryIO

import grpc
import pytest

import luce
from tests.luce.server import MOVIE, PICTURE, SmallServer


def test_paint_answers_pictures_with_their_prompt_seed_and_music(client: luce.Client) -> None:
    painting = client.paint(b"song", n=2, seed=7)
    assert [image.data for image in painting.images] == [PICTURE + b"\x00", PICTURE + b"\x01"]
    assert painting.prompts == ("a sunlit meadow", "a sunlit meadow")
    assert [image.seed for image in painting.images] == [7, 8]
    assert painting.images[0].prompt.attributes == {"scene": "meadow", "palette": "warm"}
    assert painting.seed == 7
    assert painting.music is not None
    assert painting.music.emotion == luce.Emotion(0.75, 0.5)
    assert painting.job.models == {"image_generator": "1"}


def test_a_picture_tells_how_well_it_fits(client: luce.Client, server: SmallServer) -> None:
    (image,) = client.paint(b"song", best_of=3).images
    assert server.tasks["job-0"].task.paint.options.best_of == 3
    assert image.candidate == 2
    assert image.measures == luce.PictureMeasures(
        emotion=luce.Emotion(0.5, 0.25),
        va_similarity=0.875,
        va_cosine=1.0,
        text_similarity=0.25,
        sem_score=None,
        brightness=0.5,
        warmth=-0.125,
        saturation=0.75,
    )


def test_an_animation_comes_with_its_key_pictures(client: luce.Client, tmp_path: Path) -> None:
    painting = client.paint(b"song", frames=3, animation_format="gif")
    assert [image.time_s for image in painting.images] == [0.0, 6.25, 12.5]
    film = painting.animation
    assert film is not None
    assert (film.blob.media_type, film.duration_s, film.sound) == ("image/gif", 12.5, True)
    assert film.save(tmp_path / "song.gif").read_bytes() == MOVIE
    assert client.paint(b"song").animation is None


def test_a_stage_that_ran_twice_is_told_once_with_its_sum(client: luce.Client) -> None:
    assert client.paint(prompt="a").timings == {"queue": 0.5, "paint": 1.0}


def test_events_reach_the_callback_in_order(client: luce.Client) -> None:
    seen: list[luce.JobEvent] = []
    client.paint(prompt="a", on_event=seen.append)
    kinds = [type(event).__name__ for event in seen]
    assert kinds == ["StateChanged", "MusicHeard", "PromptWritten", "Progress", "Preview", "StateChanged"]
    assert [event.sequence for event in seen] == [1, 2, 3, 4, 5, 6]


def test_a_saved_picture_has_its_bytes(client: luce.Client, tmp_path: Path) -> None:
    path = client.paint(prompt="a").images[0].save(tmp_path / "picture.png")
    assert path.read_bytes() == PICTURE + b"\x00"


@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
def test_audio_may_be_a_path_bytes_or_a_file(
    client: luce.Client, server: SmallServer, tmp_path: Path, kind: str
) -> None:
    song = bytes(range(256)) * 5000
    path = tmp_path / "song.wav"
    path.write_bytes(song)
    with path.open("rb") as file:
        sources: dict[str, Path | bytes | BinaryIO] = {"path": path, "bytes": song, "file": file}
        client.paint(sources[kind])
    audio = server.tasks["job-0"].task.paint.audio
    assert server.blobs[audio.key] == song
    assert audio.filename == ("" if kind == "bytes" else "song.wav")


def test_a_missing_song_is_an_invalid_argument_before_anything_is_sent(
    client: luce.Client, server: SmallServer
) -> None:
    with pytest.raises(luce.InvalidArgument, match="no-such-song") as raised:
        client.paint("no-such-song.ogg")
    assert raised.value.field == "audio"
    assert not server.calls


def test_options_reach_the_server_and_what_is_left_out_stays_out(client: luce.Client, server: SmallServer) -> None:
    client.paint(prompt="a", steps=12, guidance_scale=4.0, size="256x192", negative_prompt="fog", idempotency_key="k")
    request = server.tasks["job-0"]
    options = request.task.paint.options
    assert request.idempotency_key == "k"
    assert (options.steps, options.guidance_scale, options.width, options.height) == (12, 4.0, 256, 192)
    assert options.negative_prompt == "fog"
    assert not options.HasField("seed")
    assert not options.HasField("n")


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"steps": 2**40}, {"size": "big"}])
def test_what_no_message_can_hold_names_the_option(client: luce.Client, wrong: dict[str, object]) -> None:
    with pytest.raises(luce.InvalidArgument) as raised:
        client.paint(prompt="a", **wrong)  # type: ignore[arg-type]
    assert raised.value.field == next(iter(wrong))


def test_a_painting_of_nothing_is_refused(client: luce.Client) -> None:
    with pytest.raises(luce.InvalidArgument, match="audio"):
        client.paint()


def test_a_failed_job_raises_its_own_error(client: luce.Client) -> None:
    with pytest.raises(luce.InvalidArgument) as raised:
        client.paint(prompt="fail")
    assert (raised.value.field, raised.value.limit) == ("steps", "1..100")


def test_a_timeout_cancels_the_job_it_was_waiting_for(client: luce.Client, server: SmallServer) -> None:
    with pytest.raises(luce.DeadlineExceeded, match="job-0"):
        client.paint(prompt="slow", timeout=0.3)
    assert server.calls["Cancel"] == 1


def test_an_interrupt_cancels_the_job(client: luce.Client, server: SmallServer) -> None:
    def interrupt(event: luce.JobEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.paint(prompt="slow", on_event=interrupt)
    assert client.jobs.get("job-0").state is luce.JobState.CANCELLED


async def test_a_cancelled_task_cancels_its_job(async_client: luce.AsyncClient, server: SmallServer) -> None:
    running = asyncio.Event()

    async def on_event(event: luce.JobEvent) -> None:
        running.set()

    task = asyncio.create_task(async_client.paint(prompt="slow", on_event=on_event))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await async_client.jobs.get("job-0")).state is luce.JobState.CANCELLED


async def test_the_async_client_paints_the_same(async_client: luce.AsyncClient) -> None:
    seen: list[luce.JobEvent] = []
    painting = await async_client.paint(io.BytesIO(b"song"), seed=3, on_event=seen.append)
    assert painting.images[0].data == PICTURE + b"\x00"
    assert painting.seed == 3
    assert len(seen) == 6


def test_a_handle_waits_cancels_and_answers(client: luce.Client) -> None:
    done = client.submit_paint(prompt="a", seed=1)
    assert done.wait().state is luce.JobState.SUCCEEDED
    assert done.result().images[0].seed == 1
    slow = client.submit_paint(prompt="slow")
    assert slow.cancel().state is luce.JobState.CANCELLED
    assert slow.status().state is luce.JobState.CANCELLED
    with pytest.raises(luce.Cancelled):
        slow.result()


def test_events_resume_after_a_sequence(client: luce.Client) -> None:
    handle = client.submit_paint(prompt="a")
    everything = list(handle.events())
    assert list(handle.events(after=3)) == everything[3:]


async def test_async_handles_and_lists_answer_the_same(async_client: luce.AsyncClient) -> None:
    handle = await async_client.submit_paint(prompt="a")
    assert [event.sequence async for event in handle.events(after=4)] == [5, 6]
    assert (await handle.result()).job.id == handle.id
    assert [job.id async for job in async_client.jobs.list()] == [handle.id]


def test_a_list_reads_page_after_page_newest_first(client: luce.Client, server: SmallServer) -> None:
    ids = [client.submit_paint(prompt="a").id for _ in range(5)]
    assert [job.id for job in client.jobs.list(page_size=2)] == ids[::-1]
    assert server.calls["List"] == 3
    assert list(client.jobs.list([luce.JobState.FAILED])) == []


def test_a_watch_goes_on_where_its_stream_broke(client: luce.Client, server: SmallServer) -> None:
    handle = client.submit_paint(prompt="a")
    server.break_stream_after = 1
    assert [event.sequence for event in handle.events()] == [1, 2, 3, 4, 5, 6]
    assert server.calls["Watch"] == 6


def test_a_server_that_shuts_down_only_interrupts_a_watch(client: luce.Client, server: SmallServer) -> None:
    handle = client.submit_paint(prompt="a")
    server.faults.add("Watch", grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
    server.faults.add("Download", grpc.StatusCode.CANCELLED)
    assert handle.result().images[0].data == PICTURE + b"\x00"
    assert (server.calls["Watch"], server.calls["Download"]) == (3, 2)


def test_a_submission_whose_answer_was_lost_is_the_same_job(client: luce.Client, server: SmallServer) -> None:
    server.faults.add("Submitted", grpc.StatusCode.UNAVAILABLE)
    handle = client.submit_paint(prompt="a")
    assert handle.id == "job-0"
    assert server.calls["Submit"] == 2
    assert list(server.jobs) == ["job-0"]


def test_an_upload_that_broke_is_sent_again_from_its_beginning(client: luce.Client, server: SmallServer) -> None:
    server.faults.add("Upload", luce.Unavailable("storage is down"))
    song = io.BytesIO(b"intro" + b"x" * 2_000_000)
    song.seek(5)
    assert server.blobs[client.upload(song).key] == b"x" * 2_000_000


def test_a_download_that_is_not_what_was_announced_is_refused(client: luce.Client, server: SmallServer) -> None:
    blob = client.upload(b"the picture")
    server.blobs[blob.key] = b"another one"
    with pytest.raises(luce.Internal, match="sha256"):
        client.download(blob)


def test_a_download_larger_than_the_limit_is_not_begun(server: SmallServer) -> None:
    with luce.Client(server.address, limits=luce.Limits(max_download_bytes=10)) as client:
        blob = client.upload(b"more than ten bytes")
        with pytest.raises(luce.PayloadTooLarge, match="max_download_bytes"):
            client.download(blob)
    assert server.calls["Download"] == 0


def test_describe_answers_all_that_was_heard(client: luce.Client) -> None:
    events: list[luce.JobEvent] = []
    music = client.describe(b"song", on_event=events.append)
    assert (music.tempo_bpm, music.key, music.silent) == (128, "C major", False)
    assert music.curve[0].duration_s == 5
    assert (music.time_signature, music.time_signature_confidence, music.beat_times) == ("4/4", 0.75, (0.5, 1.0))
    assert (music.tempo_alternatives, music.key_alternatives) == ((64.0,), ("A minor",))
    assert music.descriptors == (
        luce.Descriptor("style", (), 0.0, None),
        luce.Descriptor("mood", ("joyful", "playful"), 0.5, "model", ("Joyful.", "", ""), "model"),
    )
    assert any(isinstance(event, luce.MusicHeard) for event in events)
    job = client.jobs.get(events[0].job_id)
    assert (job.kind, job.music, job.pictures) == ("describe", music, ())


def test_feel_answers_the_emotion_with_its_curve_and_its_uncertainty(client: luce.Client) -> None:
    felt = client.feel(b"song")
    assert (felt.medium, felt.emotion) == ("audio", luce.Emotion(0.75, 0.5))
    assert felt.curve[0].valence_uncertainty == 0.25
    assert felt.uncertainty == (0.25, 0.125)


def test_a_bad_piece_is_its_own_error_for_describe_and_feel(client: luce.Client, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ogg"
    bad.write_bytes(b"?")
    for call in (client.describe, client.feel):
        with pytest.raises(luce.MalformedMedia, match="cut short"):
            call(bad)


def test_a_description_that_takes_too_long_is_given_up_and_its_job_cancelled(
    client: luce.Client, server: SmallServer, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.ogg"
    slow.write_bytes(b"...")
    with pytest.raises(luce.DeadlineExceeded):
        client.describe(slow, timeout=0.5)
    (job,) = server.jobs.values()
    assert client.jobs.get(job.id).state is luce.JobState.CANCELLED


async def test_both_clients_describe_and_feel_alike(client: luce.Client, async_client: luce.AsyncClient) -> None:
    assert await async_client.describe(b"song") == client.describe(b"song")
    assert await async_client.feel(b"song") == client.feel(b"song")


def test_embed_answers_vectors(client: luce.Client) -> None:
    embeddings = client.embed(["a", "b"])
    assert embeddings.vectors == ((1.0, 0.0), (1.0, 0.0))
    assert embeddings.model == "text_encoder:1"


def test_one_string_is_not_taken_for_many_texts(client: luce.Client) -> None:
    with pytest.raises(luce.InvalidArgument, match="list"):
        client.embed("abc")


def test_the_key_goes_with_every_call_and_is_never_shown(server: SmallServer) -> None:
    with luce.Client(server.address, api_key="secret") as client:
        client.embed(["a"])
        assert "secret" not in repr(client)
        assert "secret" not in repr(client._target)
    assert server.metadata["authorization"] == "Bearer secret"


def test_a_key_does_not_leave_the_machine_unencrypted_by_accident() -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        luce.Client("luce.example:443", api_key="secret")
    luce.Client("luce.example:443", api_key="secret", tls=False).close()


def test_nobody_there_is_told_with_the_address() -> None:
    with luce.Client("127.0.0.1:1") as client, pytest.raises(luce.Unavailable, match=r"127\.0\.0\.1:1"):
        client.wait_ready(0.2)
