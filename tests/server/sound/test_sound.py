"""Written music into sound: what is heard, how loud, and the same every time."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import av
import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from luce.server.sound import DRUMS, FORMATS, SAMPLE_RATE, Performance, Sounder, SoundSettings, encode, encode_wav
from luce.server.sound.mastering import limit, loudness_of, master, true_peaks
from luce.server.sound.performance import read_performance
from luce.server.sound.room import Room, impulse_response
from tests.fixtures.midi import midi_song


@pytest.fixture(scope="module")
def sounder() -> Sounder:
    return Sounder(SoundSettings())


@pytest.fixture(scope="module")
def piece() -> Performance:
    return read_performance(midi_song(bars=4))


def strongest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples.mean(axis=1) * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[spectrum.argmax()])


def test_a_written_a_is_heard_as_440_hz(sounder: Sounder) -> None:
    flute = Performance.of([(0.0, 1.5, 69, 90, 73)])
    assert strongest_hz(sounder.render(flute, 2.0).samples) == pytest.approx(440, abs=6)  # a quarter of a semitone


def test_a_piece_is_as_long_as_asked_and_ends_in_silence(sounder: Sounder, piece: Performance) -> None:
    for seconds in (3.0, 12.5):
        sound = sounder.render(piece, seconds)
        assert sound.samples.shape == (round(seconds * SAMPLE_RATE), 2)
        assert np.abs(sound.samples[-50:]).max() < 1e-3
        assert np.abs(sound.samples[: SAMPLE_RATE // 2]).max() > 0.01


def test_a_piece_has_the_wanted_loudness_and_no_peak_above_the_ceiling(sounder: Sounder, piece: Performance) -> None:
    sound = sounder.render(piece, 9.0)
    assert sound.loudness_lufs == pytest.approx(-14.0, abs=0.2)
    assert loudness_of(sound.samples, SAMPLE_RATE) == pytest.approx(sound.loudness_lufs, abs=1e-6)
    assert true_peaks(sound.samples, 0.0).max() <= 10 ** (-1 / 20)


def test_the_same_piece_has_the_same_bytes_whatever_was_played_before(sounder: Sounder, piece: Performance) -> None:
    first = sounder.render(piece, 4.0).samples
    sounder.render(Performance.of([(0.0, 3.0, 40, 127, 56), (0.0, 3.0, 38, 127, DRUMS)]), 4.0)
    rows = zip(piece.onset_s, piece.offset_s, piece.pitch, piece.velocity, piece.program, strict=True)
    backwards = Performance.of(list(rows)[::-1])
    assert np.array_equal(sounder.render(backwards, 4.0).samples, first)


def test_a_piece_without_notes_is_silence(sounder: Sounder) -> None:
    sound = sounder.render(Performance.of([]), 1.0)
    assert (sound.loudness_lufs, float(np.abs(sound.samples).max())) == (-70.0, 0.0)


def test_instruments_stand_at_different_places() -> None:
    sounder = Sounder(SoundSettings(reverb_share=0))
    notes = Performance.of([(0.0, 0.5, 60, 90, 73), (1.5, 2.0, 60, 90, 71)])
    sound = sounder.render(notes, 3.0).samples
    first, second = sound[: SAMPLE_RATE // 2], sound[round(1.5 * SAMPLE_RATE) : 2 * SAMPLE_RATE]
    left = [float(np.square(part[:, 0]).sum() / np.square(part[:, 1]).sum()) for part in (first, second)]
    assert left[1] > 1.2 * left[0]


def test_sixteen_instruments_and_drums_all_sound(sounder: Sounder) -> None:
    rows = [(float(index), index + 0.5, 60, 90, program) for index, program in enumerate([*range(0, 96, 6), DRUMS])]
    sound = sounder.render(Performance.of(rows), 18.0).samples
    for index in range(len(rows)):
        assert np.abs(sound[index * SAMPLE_RATE : index * SAMPLE_RATE + 20_000]).max() > 0.01, index


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_what_was_written(sounder: Sounder, piece: Performance, name: str) -> None:
    samples = sounder.render(piece, 3.0).samples
    data = encode(samples, name)
    assert encode(samples, name) == data
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.channels == 2
        assert stream.codec_context.sample_rate == (48_000 if name == "ogg" else SAMPLE_RATE)
        decoded = [frame.to_ndarray() for frame in container.decode(stream)]
        planar = container.streams.audio[0].format.is_planar
    total = sum(part.shape[1] if planar else part.size // 2 for part in decoded)
    assert total / stream.codec_context.sample_rate == pytest.approx(3.0, abs=0.1)


def test_a_stream_goes_on_where_it_stopped_and_matches_the_whole(sounder: Sounder, piece: Performance) -> None:
    stream = sounder.stream()
    blocks = []
    for second in range(4):
        inside = (piece.onset_s >= second) & (piece.onset_s < second + 1)
        stream.add(piece.where(inside))
        blocks.append(stream.play(second + 1.0))
    streamed, whole = np.concatenate(blocks), sounder.render(piece, 8.0).samples[: 4 * SAMPLE_RATE]
    assert streamed.shape == whole.shape
    assert np.corrcoef(streamed.ravel(), whole.ravel())[0, 1] > 0.97
    edges = [abs(streamed[at, 0] - streamed[at - 1, 0]) for at in (SAMPLE_RATE, 2 * SAMPLE_RATE)]
    assert max(edges) < 0.1, "a click between two blocks"
    assert loudness_of(streamed, SAMPLE_RATE) == pytest.approx(-16, abs=3)


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=4))
def test_a_room_is_the_same_in_whatever_blocks_it_comes(cuts: list[int]) -> None:
    response = impulse_response(0.3, SAMPLE_RATE)
    sound = np.random.default_rng(2).standard_normal((sum(cuts), 2)).astype(np.float32)
    room, edges = Room(response, 0.5), np.cumsum([0, *cuts])
    parts = [room.add(sound[start:stop]) for start, stop in itertools.pairwise(edges)]
    assert np.concatenate(parts) == pytest.approx(Room(response, 0.5).add(sound), abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), gain=st.floats(0.1, 30), ceiling=st.floats(0.1, 1.0))
def test_no_limited_signal_passes_the_ceiling(seed: int, gain: float, ceiling: float) -> None:
    noise = np.random.default_rng(seed).standard_normal((20_000, 2)).astype(np.float32)
    limited = limit(noise * np.float32(gain), SAMPLE_RATE, ceiling)
    assert true_peaks(limited, 0.0).max() <= ceiling * 1.06
    assert np.isfinite(limited).all()


def test_what_is_quiet_enough_is_left_as_it_is() -> None:
    quiet = np.full((1000, 2), 0.1, np.float32)
    assert limit(quiet, SAMPLE_RATE, 0.9) is quiet


def test_silence_is_not_turned_up() -> None:
    silent = np.zeros((SAMPLE_RATE, 2), np.float32)
    samples, loudness = master(silent, SAMPLE_RATE, -14.0, -1.0)
    assert loudness == -70.0
    assert not samples.any()


def test_stereo_of_two_like_channels_is_3_lu_louder_than_one() -> None:
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * 997 * time).astype(np.float32)
    # BS.1770-5: 0 dBFS at 997 Hz in one channel is -3.01 LKFS; two channels add their powers.
    assert loudness_of(np.stack([sine, np.zeros_like(sine)], axis=1), SAMPLE_RATE) == pytest.approx(-3.01, abs=0.05)
    assert loudness_of(np.stack([sine, sine], axis=1), SAMPLE_RATE) == pytest.approx(0.0, abs=0.05)


def test_a_sound_font_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no sound font can be read"):
        SoundSettings(soundfont=tmp_path / "missing.sf2")
    (tmp_path / "text.sf2").write_text("not a font at all")
    with pytest.raises(ValidationError, match="is no sound font"):
        SoundSettings(soundfont=tmp_path / "text.sf2")


def test_a_font_of_ones_own_is_played(tmp_path: Path) -> None:
    mine = tmp_path / "mine.sf2"
    mine.symlink_to(SoundSettings().font())
    assert Sounder(SoundSettings(soundfont=mine)).font == "mine.sf2"


def test_a_wav_chunk_is_complete_in_itself() -> None:
    data = encode_wav(np.full((10, 2), 2.0, np.float32))
    with av.open(io.BytesIO(data), "r") as container:
        (frame,) = container.decode(audio=0)
    assert frame.samples == 10
    assert frame.to_ndarray().max() == 32767


def test_overlapping_notes_of_one_pitch_and_tempo_changes_are_read() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=1_000_000))
    track.append(mido.Message("program_change", program=40, time=0))
    track.append(mido.Message("note_on", note=60, velocity=80, time=480))
    track.append(mido.MetaMessage("set_tempo", tempo=500_000, time=0))
    track.append(mido.Message("note_on", note=60, velocity=70, time=240))
    track.append(mido.Message("note_off", note=60, time=240))
    track.append(mido.Message("note_on", note=60, velocity=0, time=240))
    track.append(mido.Message("note_on", channel=9, note=36, velocity=99, time=0))
    target = io.BytesIO()
    file.save(file=target)
    read = read_performance(target.getvalue())
    assert read.onset_s.tolist() == pytest.approx([1.0, 1.25, 1.75])
    assert read.offset_s.tolist() == pytest.approx([1.5, 1.75, 1.75])
    assert read.program.tolist() == [40, 40, DRUMS]
