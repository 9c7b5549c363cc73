"""Music from words, pictures and videos, through the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import luce
from tests.luce.server import MOVIE, SmallServer


def test_words_become_pieces_with_their_files(client: luce.Client, server: SmallServer, tmp_path: Path) -> None:
    composition = client.compose("The harbour slept under snow.", seconds=12.5, seed=7, n=2, instruments=["piano"])
    task = server.tasks["job-0"].task.compose
    assert (task.text, task.options.seconds, list(task.options.instruments)) == (
        "The harbour slept under snow.",
        12.5,
        ["piano"],
    )
    first, second = composition.pieces
    assert (first.seed, second.seed, composition.seed) == (7, 8, 7)
    assert (first.key, first.time_signature, first.tempo_bpm, first.notes) == ("A minor", "3/4", 72, 99)
    assert (first.obtained, first.candidate, first.candidates) == (luce.Emotion(-0.125, -0.5), 2, 4)
    assert first.instruments == ("piano", "cello")
    assert composition.chain[0].elements[0] == luce.Element("emotion", ("calm", "lonely"), "valence -0.25")
    assert composition.job.written is not None
    for name, data in (("a.mid", b"MThd\x00"), ("a.wav", b"RIFF\x00"), ("a.png", b"PNG\x00")):
        assert first.save(tmp_path / name).read_bytes() == data
    with pytest.raises(luce.InvalidArgument, match="no video"):
        first.save(tmp_path / "a.mp4")


def test_a_video_becomes_music_with_its_shots(client: luce.Client, server: SmallServer, tmp_path: Path) -> None:
    composition = client.score(b"a video", accents=True, mux=True, audio_format="ogg", emotion=luce.Emotion(-0.5, 0.25))
    task = server.tasks["job-0"].task.score
    assert (task.accents, task.mux, task.options.audio_format, task.media.size) == (True, True, "ogg", 7)
    assert (task.options.emotion.valence, task.options.emotion.arousal) == (-0.5, 0.25)
    assert composition.shots == (luce.Shot(1, 2.5, luce.Emotion(0.75, 0.5)),)
    assert composition.pieces[0].save(tmp_path / "scored.mp4").read_bytes() == MOVIE


def test_the_chain_sound_and_pieces_are_told_while_they_come(client: luce.Client) -> None:
    seen: list[luce.JobEvent] = []
    client.compose("a sea", stream=True, on_event=seen.append)
    kinds = [type(event) for event in seen]
    assert kinds.index(luce.ChainTold) < kinds.index(luce.AudioChunk) < kinds.index(luce.PieceWritten)
    (chunk,) = [event for event in seen if isinstance(event, luce.AudioChunk)]
    assert (chunk.duration_s, chunk.last, client.download(chunk.audio)) == (1.5, True, b"chunk")


def test_music_that_was_handed_in_is_fetched_later(client: luce.Client) -> None:
    handle = client.submit_compose("a sea", seed=3)
    assert handle.composition().seed == 3
    assert client.submit_score(b"a picture").composition().shots
    with pytest.raises(luce.FailedPrecondition, match="no music"):
        client.submit_paint(prompt="a sea").composition()


def test_a_failed_composition_raises_its_error_and_an_abandoned_one_is_cancelled(
    client: luce.Client, server: SmallServer
) -> None:
    with pytest.raises(luce.InvalidArgument) as caught:
        client.compose("fail")
    assert (caught.value.field, caught.value.limit) == ("key", "C major")
    with pytest.raises(luce.DeadlineExceeded):
        client.compose("slow", timeout=0.3)
    assert server.calls["Cancel"] == 1


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"seed": -1}, luce.InvalidArgument),
        ({"instruments": "piano"}, luce.InvalidArgument),
        ({"colour": "blue"}, TypeError),
    ],
)
def test_what_cannot_be_sent_fails_before_it_is(
    client: luce.Client, server: SmallServer, options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        client.compose("a sea", **options)
    assert not server.tasks


def test_music_goes_on_from_a_midi_file(client: luce.Client, server: SmallServer) -> None:
    client.compose(midi=b"MThd a theme", key="D minor")
    task = server.tasks["job-0"].task.compose
    assert (task.text, task.midi.size, task.options.key) == ("", 12, "D minor")
    assert not task.HasField("variation")
    client.compose(midi=b"MThd a theme", variation=0.5)
    assert server.tasks["job-1"].task.compose.variation == 0.5
    with pytest.raises(luce.InvalidArgument, match="a text, a MIDI file, or both"):
        client.compose()


async def test_the_same_on_an_event_loop(async_client: luce.AsyncClient) -> None:
    composition = await async_client.score(b"a picture", seed=5)
    assert composition.pieces[0].data["midi"] == b"MThd\x00"
    assert (await (await async_client.submit_compose("a sea", seed=6)).composition()).seed == 6
    assert (await (await async_client.submit_score(b"b")).composition()).job.kind == "score"
    assert (await async_client.compose("a sea")).job.kind == "compose"
