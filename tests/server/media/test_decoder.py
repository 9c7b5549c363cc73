from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import psutil
import pytest

from luce.errors import InvalidArgument, MalformedMedia, PayloadTooLarge, ResourceExhausted, Unavailable
from luce.server.media import MediaDecoder, MediaSettings, audio, encode_png
from tests.fixtures.media import encode, happy_song

SONG = encode(happy_song(2.0), "opus")
# Long enough that a decoder is still at it when the test strikes.
LONG = encode(np.tile(happy_song(20.0), 30), "flac")


others: set[int] = set()


@pytest.fixture(autouse=True)
def of_other_tests() -> None:
    """Decoders that belong to servers which other tests share are none of ours."""
    others.clear()
    others.update(workers())


def workers(*, that_read: float = 0) -> set[int]:
    """Ids of this test's decoder processes that live and have read at least so many bytes."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            ours = "luce.server.media.worker" in child.cmdline()
            if ours and child.io_counters().read_chars >= that_read:
                found.add(child.pid)
    return found - others


@pytest.fixture
async def decoder() -> AsyncIterator[MediaDecoder]:
    async with MediaDecoder(MediaSettings(workers=1)) as started:
        yield started


async def test_a_process_decodes_what_the_library_decodes(decoder: MediaDecoder) -> None:
    sound = await decoder.audio(SONG)
    here = audio.decode(SONG)
    np.testing.assert_array_equal(sound.samples, here.samples)
    assert (sound.codec, sound.channels, sound.duration_s) == (here.codec, here.channels, here.duration_s)
    assert await decoder.probe(SONG) == audio.probe(SONG)


async def test_images_come_back_as_pixels(decoder: MediaDecoder) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(await decoder.image(encode_png(pixels)), pixels)


async def test_errors_come_back_as_they_were_raised(decoder: MediaDecoder) -> None:
    with pytest.raises(MalformedMedia) as caught:
        await decoder.probe(SONG[:500], field="song")
    assert caught.value.field == "song"
    assert caught.value.limit == "a complete file"
    with pytest.raises(PayloadTooLarge):
        async with MediaDecoder(MediaSettings(max_audio_seconds=1.0)) as strict:
            await strict.audio(SONG)


async def test_the_same_process_serves_call_after_call(decoder: MediaDecoder) -> None:
    before = workers()
    for _ in range(3):
        await decoder.audio(SONG)
    assert workers() == before
    assert len(before) == 1


async def test_a_decode_beyond_its_time_is_killed_and_the_next_one_works() -> None:
    async with MediaDecoder(MediaSettings(workers=1, decode_timeout_s=0.05, probe_timeout_s=5.0)) as decoder:
        (before,) = workers()
        with pytest.raises(PayloadTooLarge, match="takes longer"):
            await decoder.audio(LONG)
        assert not psutil.pid_exists(before)
        assert (await decoder.probe(SONG)).codec == "opus"
        assert before not in workers()


async def test_a_hanging_process_is_killed_and_replaced() -> None:
    async with MediaDecoder(MediaSettings(workers=1, probe_timeout_s=0.3)) as decoder:
        (before,) = workers()
        os.kill(before, signal.SIGSTOP)
        with pytest.raises(PayloadTooLarge, match="takes longer"):
            await decoder.probe(SONG)
        assert not psutil.pid_exists(before)
    assert not workers()


async def test_a_process_that_died_while_idle_is_replaced_unnoticed(decoder: MediaDecoder) -> None:
    (before,) = workers()
    os.kill(before, signal.SIGKILL)
    assert (await decoder.audio(SONG)).codec == "opus"
    assert before not in workers()


async def test_a_file_that_crashes_the_decoder_twice_is_malformed(decoder: MediaDecoder) -> None:
    async def kill_whoever_has_read_the_file() -> None:
        while True:
            for pid in workers(that_read=0.8 * len(LONG)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.005)

    killer = asyncio.create_task(kill_whoever_has_read_the_file())
    with pytest.raises(MalformedMedia, match="the decoder crashed"):
        await decoder.audio(LONG)
    assert not killer.done()
    killer.cancel()
    assert (await decoder.audio(SONG)).codec == "opus"


async def test_a_cancelled_call_kills_its_process_and_frees_its_place(decoder: MediaDecoder) -> None:
    (before,) = workers()
    call = asyncio.create_task(decoder.audio(LONG))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert before not in workers()
    assert (await decoder.audio(SONG)).codec == "opus"


async def test_calls_wait_in_line_and_one_too_many_is_refused() -> None:
    async with MediaDecoder(MediaSettings(workers=1, max_waiting=1)) as decoder:
        first, second = (asyncio.create_task(decoder.audio(SONG)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted) as caught:
            await decoder.audio(SONG)
        assert caught.value.retry_after is not None
        assert {(await first).codec, (await second).codec} == {"opus"}


async def test_no_process_is_left_when_the_decoder_is_closed() -> None:
    decoder = MediaDecoder(MediaSettings(workers=2))
    await decoder.start()
    assert len(workers()) == 2
    await decoder.close()
    assert not workers()
    with pytest.raises(Unavailable):
        await decoder.audio(SONG)


async def test_a_decoder_process_sees_nothing_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LUCE_SECRET_FOR_TEST", "hush")
    async with MediaDecoder(MediaSettings(workers=1)):
        (pid,) = workers()
        assert "LUCE_SECRET_FOR_TEST" not in psutil.Process(pid).environ()


async def test_a_field_out_of_range_keeps_its_limit_across_the_process(decoder: MediaDecoder) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await decoder.audio(encode(happy_song(0.05), "wav"))
    assert caught.value.limit == "0.1 s"


async def test_blocks_are_the_samples_of_the_whole(decoder: MediaDecoder) -> None:
    for kind in ("wav", "mp3", "opus"):
        data = encode(happy_song(7.0), kind)
        whole = await decoder.audio(data)
        blocks = [block async for block in decoder.audio_blocks(data)]
        assert len(blocks) > 2
        np.testing.assert_array_equal(np.concatenate(blocks), whole.samples)


async def test_whoever_takes_blocks_may_be_slow_and_may_leave(decoder: MediaDecoder) -> None:
    data = encode(happy_song(20.0), "wav")
    async with MediaDecoder(MediaSettings(workers=1, decode_timeout_s=1.0)) as one:
        async with aclosing(one.audio_blocks(data)) as blocks:
            taken = [await anext(blocks)]
            await asyncio.sleep(1.3)
            taken.append(await anext(blocks))
        assert all(block.size for block in taken)
        # The process was in the middle of a file: another one answers.
        assert (await one.audio(data)).duration_s == pytest.approx(20.0)


async def test_a_file_cut_short_is_refused_before_or_after_its_blocks(decoder: MediaDecoder) -> None:
    whole = encode(happy_song(7.0), "flac")
    with pytest.raises(MalformedMedia):
        _ = [block async for block in decoder.audio_blocks(whole[: len(whole) // 2])]
    with pytest.raises(MalformedMedia):
        _ = [block async for block in decoder.audio_blocks(b"no audio")]
    assert (await decoder.audio(whole)).duration_s == pytest.approx(7.0, abs=0.01)
