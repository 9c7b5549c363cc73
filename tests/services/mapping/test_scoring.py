"""Pictures and videos into music."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from luce.emotion import Emotion
from luce.server.chain import Impression
from luce.server.media.video import decode
from luce.server.music.midi import read_midi
from luce.server.sound import read_performance
from luce.v1 import jobs_pb2
from services.mapping.scoring import moments_of
from services.mapping.seeing import Glance
from tests.fixtures.videos import GLOOMY, GREEN, SUNNY, video
from tests.services.mapping.conftest import Hall, picture, pieces_of

pytestmark = pytest.mark.timeout(300)

CLIP = video((SUNNY, 6.0), (GLOOMY, 6.5), (GREEN, 2.5))


async def test_a_picture_becomes_music_with_the_chain_from_what_was_seen(hall: Hall) -> None:
    job = await hall.score(picture((240, 180, 90)), "image/png", seconds=9.0)
    (piece,) = pieces_of(job)
    assert read_midi(await hall.get(piece.midi)).seconds == pytest.approx(9, abs=0.2)
    assert [step.stage for step in job.result.score.chain] == ["seen", "music", "composed", "obtained"]
    assert not job.result.score.shots
    assert not piece.HasField("video")
    seen = {"image_encoder", "image_emotion", "latent_mapper", "embed_diffusion", "midi_composer", "note_emotion"}
    assert seen <= set(job.models)


async def test_one_picture_has_several_musics_and_each_seed_its_own(hall: Hall) -> None:
    data = picture((40, 60, 160))
    first, second = pieces_of(await hall.score(data, "image/png", seconds=6.0, n=2))
    assert await hall.get(first.midi) != await hall.get(second.midi)
    (again,) = pieces_of(await hall.score(data, "image/png", seconds=6.0, seed=8))
    assert await hall.get(again.midi) == await hall.get(second.midi)


async def test_a_picture_of_one_pixel_is_scored(hall: Hall) -> None:
    assert len(pieces_of(await hall.score(picture((200, 10, 10), size=1), "image/png", seconds=5.0))) == 1


async def test_the_music_of_a_video_follows_its_shots_and_ends_with_it(hall: Hall) -> None:
    job = await hall.score(CLIP, "video/mp4", mux=True)
    (piece,) = pieces_of(job)
    shots = job.result.score.shots
    assert [shot.start_s for shot in shots] == pytest.approx([0, 6, 12.5], abs=0.1)
    assert sum(shot.duration_s for shot in shots) == pytest.approx(15, abs=0.1)
    assert piece.duration_s == pytest.approx(15, abs=0.1)
    assert read_midi(await hall.get(piece.midi)).seconds == pytest.approx(15, abs=0.3)
    muxed = await hall.get(piece.video)
    with av.open(io.BytesIO(muxed), "r") as container:
        assert len(container.streams.audio) == len(container.streams.video) == 1
        sound = container.streams.audio[0]
        seconds = sum(frame.samples for frame in container.decode(sound)) / sound.codec_context.sample_rate
    assert seconds == pytest.approx(15, abs=0.2)
    assert np.array_equal(decode(muxed).frames, decode(CLIP).frames)


async def test_accents_stress_the_notes_at_the_cuts_and_change_nothing_else(hall: Hall) -> None:
    (plain,) = pieces_of(await hall.score(CLIP, "video/mp4"))
    (accented,) = pieces_of(await hall.score(CLIP, "video/mp4", accents=True))
    before, after = [read_performance(await hall.get(piece.midi)) for piece in (plain, accented)]
    assert np.array_equal(before.onset_s, after.onset_s)
    louder = before.onset_s[after.velocity > before.velocity]
    assert louder.size
    assert all(min(abs(time - 6.0), abs(time - 12.5)) <= 0.45 for time in louder)
    assert not (after.velocity < before.velocity).any()


def test_short_shots_share_a_moment_and_nothing_of_the_time_is_lost() -> None:
    def glance(start: float, seconds: float, valence: float) -> Glance:
        return Glance(start, seconds, Impression(Emotion(valence, 0.0)), np.ones(1, np.float32))

    shots = [glance(0, 6, 0.5), glance(6, 2, -0.5), glance(8, 4, 0.1), glance(12, 7, 0.9), glance(19, 2.5, 0.0)]
    moments = moments_of(shots)
    assert [moment.seconds for moment in moments] == [6, 6, 9.5]
    assert [moment.valence for moment in moments] == pytest.approx([0.5, (-1.0 + 0.4) / 6, 6.3 / 9.5])
    (only,) = moments_of([glance(0, 1.5, 0.3)])
    assert only.seconds == 1.5


@pytest.mark.parametrize(
    ("data", "media_type", "code"),
    [
        (b"no picture", "image/png", "malformed_media"),
        (CLIP[: len(CLIP) // 3], "video/mp4", "malformed_media"),
        (video((SUNNY, 0.5)), "video/mp4", "invalid_argument"),
        (picture((1, 2, 3))[:60], "image/png", "malformed_media"),
    ],
)
async def test_bad_media_fail_the_job_at_once(hall: Hall, data: bytes, media_type: str, code: str) -> None:
    job = await hall.score(data, media_type)
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert (job.problem.code, job.problem.field, job.attempts) == (code, "media", 1)


async def test_a_video_that_mp4_cannot_hold_is_refused_before_its_music_is_written(hall: Hall) -> None:
    job = await hall.score(video((SUNNY, 2.0), kind="webm", codec="libvpx"), "video/webm", mux=True)
    assert (job.problem.code, job.problem.field) == ("unsupported_media_type", "media")
    assert "compose" not in [timing.stage for timing in job.timings]
