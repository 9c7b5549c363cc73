"""Words into music, from a submitted text to stored files."""

from __future__ import annotations

import asyncio
import io

import av
import numpy as np
import pytest
from PIL import Image

from luce.server.music.midi import read_midi
from luce.server.sound import read_performance
from luce.v1 import emotion_pb2, jobs_pb2
from tests.services.mapping.conftest import OWNER, Hall, pieces_of

pytestmark = pytest.mark.timeout(300)

STORY = "The harbour slept under snow. An old man waited for a ship that never came, and the sea said nothing."


async def test_a_story_becomes_midi_sound_and_a_picture_of_its_notes(hall: Hall) -> None:
    job = await hall.compose(STORY, seconds=10.0)
    (piece,) = pieces_of(job)
    midi = read_midi(await hall.get(piece.midi))
    assert midi.seconds == pytest.approx(10, abs=0.2)
    assert piece.notes == read_performance(await hall.get(piece.midi)).count > 0
    with av.open(io.BytesIO(await hall.get(piece.audio)), "r") as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.sample_rate, stream.codec_context.channels) == (44100, 2)
        assert sum(frame.samples for frame in container.decode(stream)) == 441_000
    assert piece.loudness_lufs == pytest.approx(-14, abs=0.5)
    with Image.open(io.BytesIO(await hall.get(piece.piano_roll))) as image:
        assert image.format == "PNG"
    assert piece.duration_s == pytest.approx(10)
    assert (piece.midi.media_type, piece.audio.media_type) == ("audio/midi", "audio/wav")
    assert set(job.models) >= {"midi_composer", "note_emotion", "text_encoder"}
    assert [step.stage for step in job.result.compose.chain] == ["read", "music", "composed", "obtained"]
    assert job.result.compose.chain[0].elements
    assert [timing.stage for timing in job.timings][-4:] == ["read", "compose", "sound", "store"]


async def test_the_same_seed_gives_the_same_bytes_alone_and_beside_others(hall: Hall) -> None:
    async def files(job: jobs_pb2.Job) -> list[bytes]:
        (piece,) = pieces_of(job)
        return [await hall.get(blob) for blob in (piece.midi, piece.audio, piece.piano_roll)]

    alone = await files(await hall.compose(STORY))
    jobs = await asyncio.gather(
        hall.compose(STORY), hall.compose(STORY, seed=8), hall.compose("A party on the roof!", candidates=2)
    )
    assert await files(jobs[0]) == alone
    assert (await files(jobs[1]))[0] != alone[0]


async def test_several_pieces_have_seeds_that_count_on(hall: Hall) -> None:
    first, second = pieces_of(await hall.compose(STORY, n=2, seed=2**64 - 1))
    assert (first.seed, second.seed) == (2**64 - 1, 0)
    assert await hall.get(first.midi) != await hall.get(second.midi)
    assert await hall.get(second.midi) == await hall.get(pieces_of(await hall.compose(STORY, seed=0))[0].midi)


async def test_of_several_candidates_the_nearest_is_kept(hall: Hall) -> None:
    (one,) = pieces_of(await hall.compose(STORY, candidates=1))
    (best,) = pieces_of(await hall.compose(STORY, candidates=5))

    def distance(asked: emotion_pb2.Emotion, obtained: emotion_pb2.Emotion) -> float:
        return float(np.hypot(asked.valence - obtained.valence, asked.arousal - obtained.arousal))

    assert distance(best.asked, best.obtained) <= distance(one.asked, one.obtained)
    assert best.candidates == 5
    if best.candidate == 0:
        assert await hall.get(best.midi) == await hall.get(one.midi)


async def test_what_the_caller_fixes_is_kept(hall: Hall) -> None:
    options = {"key": "F# minor", "time_signature": "3/4", "tempo_bpm": 90.0, "instruments": ["violin", "cello"]}
    emotion = emotion_pb2.Emotion(valence=-0.4, arousal=0.3)
    (piece,) = pieces_of(await hall.compose(STORY, **options, emotion=emotion, audio_format="flac"))
    assert (piece.key, piece.time_signature, piece.tempo_bpm) == ("F# minor", "3/4", 90)
    assert set(piece.instruments) == {"violin", "cello"}
    assert (piece.asked.valence, piece.asked.arousal) == pytest.approx((-0.4, 0.3))
    assert piece.audio.media_type == "audio/flac"
    played = read_performance(await hall.get(piece.midi))
    assert set(played.program.tolist()) <= {40, 42}
    assert read_midi(await hall.get(piece.midi)).tempo_bpm[0] == pytest.approx(90, abs=0.01)


async def test_sound_is_heard_while_it_is_composed_and_joins_without_a_gap(hall: Hall) -> None:
    job = await hall.submit(STORY, seconds=20.0, stream=True)
    chunks, stages = [], []
    async for event in hall.jobs.watch(job.id, OWNER):
        if event.partial.HasField("audio"):
            chunks.append(event.partial.audio)
            stages.append("audio")
        elif event.partial.HasField("piece"):
            stages.append("piece")
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert len(chunks) >= 3
    assert stages[-1] == "piece"
    ends = [chunk.start_s + chunk.duration_s for chunk in chunks]
    assert [chunk.start_s for chunk in chunks[1:]] == pytest.approx(ends[:-1], abs=1e-3)
    assert ends[-1] == pytest.approx(20, abs=1e-3)
    assert [chunk.last for chunk in chunks] == [*[False] * (len(chunks) - 1), True]
    streamed = np.concatenate([samples(await hall.get(chunk.audio)) for chunk in chunks], axis=1)
    (piece,) = pieces_of(await hall.jobs.get(job.id, OWNER))
    finished = samples(await hall.get(piece.audio))
    assert abs(streamed.shape[1] - finished.shape[1]) <= len(chunks)
    count = min(streamed.shape[1], finished.shape[1]) - 44_100
    likeness = np.corrcoef(streamed[:, :count].ravel(), finished[:, :count].ravel())[0, 1]
    assert likeness > 0.9, "what was streamed is not the piece"


def samples(data: bytes) -> np.ndarray:
    """(channels, n) float32."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        return np.concatenate(
            [frame.to_ndarray().reshape(-1, 2).T.astype(np.float32) for frame in container.decode(stream)], axis=1
        )


async def test_progress_never_goes_back(hall: Hall) -> None:
    job = await hall.submit(STORY, candidates=3)
    fractions, parts = [], []
    async for event in hall.jobs.watch(job.id, OWNER):
        if event.HasField("progress"):
            fractions.append(event.progress.fraction)
        if event.HasField("partial"):
            parts.append(event.partial.WhichOneof("part"))
    assert fractions == sorted(fractions)
    assert parts == ["chain", "chain", "chain", "piece", "chain"]


async def test_a_text_in_another_language_is_composed_and_the_doubt_is_told(hall: Hall) -> None:
    job = await hall.compose("海辺の静かな朝、波の音だけが聞こえる。")
    assert len(pieces_of(job)) == 1
    assert "do not look English" in job.result.compose.chain[0].text


@pytest.mark.parametrize(
    ("text", "options", "field"),
    [
        ("", {}, "text"),
        ("😀😀", {}, "text"),
        ("a\x07b", {}, "text"),
        ("a" * 20_000, {}, "text"),
        ("sea", {"seconds": 1.0}, "seconds"),
        ("sea", {"instruments": ["theremin of doom"]}, "instruments"),
        ("sea", {"key": "H"}, "key"),
        ("sea", {"instruments": ["drums"]}, "instruments"),
    ],
)
async def test_what_cannot_be_composed_fails_at_once_and_names_the_field(
    hall: Hall, text: str, options: dict[str, object], field: str
) -> None:
    job = await hall.compose(text, **options)
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert (job.problem.code, job.problem.field, job.attempts) == ("invalid_argument", field, 1)
    assert job.problem.limit


async def test_a_cancelled_job_stops_composing(hall: Hall) -> None:
    job = await hall.submit(STORY, seconds=180.0, n=4, candidates=4)
    async for event in hall.jobs.watch(job.id, OWNER):
        if event.progress.stage == "compose" and event.progress.fraction > 0.1:
            break
    assert (await hall.jobs.cancel(job.id, OWNER)).state == jobs_pb2.JOB_STATE_CANCELLED
    # The places in the model's batch are free again: a short piece is not behind sixteen long ones.
    assert len(pieces_of(await hall.compose(STORY))) == 1
