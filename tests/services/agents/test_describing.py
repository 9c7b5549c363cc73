"""Describe jobs on the real NATS and the real Triton."""

from __future__ import annotations

import numpy as np
import pytest

from luce.v1 import agents_pb2, jobs_pb2, media_pb2
from tests.fixtures.media import silence, wav_bytes
from tests.fixtures.midi import midi_song
from tests.services.agents.conftest import OWNER, Studio, opened


async def describe(studio: Studio, audio: media_pb2.BlobRef) -> jobs_pb2.Job:
    task = jobs_pb2.Task(describe=agents_pb2.DescribeRequest(audio=audio))
    job, _ = await studio.jobs.submit(task, owner=OWNER)
    return await studio.jobs.wait(job.id, OWNER, 60)


async def test_a_song_is_described_with_its_beats_and_descriptors(studio: Studio, happy_ogg: bytes) -> None:
    job = await describe(studio, await studio.upload(happy_ogg))
    assert (job.kind, job.seed) == ("describe", 0)
    assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, job.problem
    assert {"note_transcriber", "audio_encoder", "music_emotion"} <= set(job.models)
    assert [timing.stage for timing in job.timings] == ["queue", "fetch", "listen"]
    music = job.result.describe.music
    assert music.duration_s == pytest.approx(12, abs=0.1)
    assert music.summary
    beats = list(music.beat_times)
    assert beats == sorted(beats)
    assert bool(beats) == (music.tempo_bpm > 0)
    assert len(music.descriptors) == 6
    assert music.descriptors[5].values


async def test_the_description_is_told_before_the_job_ends(studio: Studio, happy_ogg: bytes) -> None:
    task = jobs_pb2.Task(describe=agents_pb2.DescribeRequest(audio=await studio.upload(happy_ogg)))
    job, _ = await studio.jobs.submit(task, owner=OWNER)
    events = [event async for event in studio.jobs.watch(job.id, OWNER)]
    (part,) = [event.partial.music for event in events if event.HasField("partial")]
    assert part == events[-1].state.result.describe.music
    fractions = [event.progress.fraction for event in events if event.HasField("progress")]
    assert fractions == sorted(fractions)


async def test_a_job_tells_how_much_of_a_recording_it_has_listened_to(studio: Studio) -> None:
    click = (16_000 * np.hanning(400)).astype(np.int16)
    audio = await studio.upload(wav_bytes(np.tile(np.pad(click, (0, 10_625)), 360), rate=22_050))
    job, _ = await studio.jobs.submit(jobs_pb2.Task(describe=agents_pb2.DescribeRequest(audio=audio)), owner=OWNER)
    told = [event.progress async for event in studio.jobs.watch(job.id, OWNER) if event.HasField("progress")]
    listened = [progress.fraction for progress in told if progress.stage == "listen"]
    assert listened == sorted(listened)
    assert len(set(listened)) > 1


async def test_midi_is_read_and_felt_by_the_model_of_notes(studio: Studio) -> None:
    job = await describe(studio, await studio.upload(midi_song(bpm=100.0, beats_per_bar=3)))
    assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, job.problem
    assert set(job.models) == {"note_emotion"}
    music = job.result.describe.music
    assert music.tempo_bpm == pytest.approx(100)
    assert (music.time_signature, music.key) == ("3/4", "C major")
    assert len(music.curve.points) == 10
    assert music.emotion.valence != 0


async def test_midi_that_is_cut_short_fails_with_the_field(studio: Studio) -> None:
    job = await describe(studio, await studio.upload(midi_song()[:100]))
    assert (job.problem.code, job.problem.field) == ("malformed_media", "audio")


async def test_midi_is_painted_like_a_recording(studio: Studio) -> None:
    job = await studio.paint(await studio.upload(midi_song(bars=2)), steps=2)
    assert {"note_emotion", "image_generator"} <= set(job.models)
    assert opened(await studio.picture(job)).size == (256, 256)


async def test_silence_is_described_as_silence(studio: Studio) -> None:
    job = await describe(studio, await studio.upload(wav_bytes(silence(3.0))))
    assert job.result.describe.music.silent
    assert "silence" in job.result.describe.music.summary


async def test_what_is_not_music_fails_with_the_field_and_without_another_attempt(studio: Studio) -> None:
    job = await describe(studio, await studio.upload(b"no music at all"))
    assert (job.state, job.attempts) == (jobs_pb2.JOB_STATE_FAILED, 1)
    assert (job.problem.code, job.problem.field) == ("malformed_media", "audio")


async def test_a_stranger_s_music_and_none_at_all_are_refused(studio: Studio, happy_ogg: bytes) -> None:
    strange = await describe(studio, await studio.upload(happy_ogg, owner="somebody else"))
    assert strange.problem.code == "not_found"
    assert (await describe(studio, media_pb2.BlobRef())).problem.field == "audio"
