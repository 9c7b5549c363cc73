"""MIDI files: what is written is read, and no bytes do harm."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import MalformedMedia, PayloadTooLarge, RequestError, UnsupportedMediaType
from luce.server.music import midi
from luce.server.music.midi import Meter, MidiMusic, read_midi


def written(*tracks: list[mido.Message], ticks: int = 480, kind: int = 1) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    target = io.BytesIO()
    file.save(file=target)
    return target.getvalue()


def note(pitch: int, ticks: int = 480, velocity: int = 64, channel: int = 0, wait: int = 0) -> list[mido.Message]:
    return [
        mido.Message("note_on", note=pitch, velocity=velocity, channel=channel, time=wait),
        mido.Message("note_on", note=pitch, velocity=0, channel=channel, time=ticks),
    ]


def scale(*extra: mido.MetaMessage) -> bytes:
    return written([*extra, *(message for step in (60, 62, 64, 65) for message in note(step))])


def test_notes_are_read_with_their_times_pitches_and_strengths() -> None:
    found = read_midi(scale())
    assert found.notes.pitch.tolist() == [60, 62, 64, 65]
    assert found.notes.onset_s.tolist() == [0, 0.5, 1, 1.5]
    assert found.notes.offset_s.tolist() == [0.5, 1, 1.5, 2]
    assert found.notes.amplitude == pytest.approx([64 / 127] * 4)
    assert found.seconds == 2
    assert not found.has_tempo
    assert found.meter is None


def test_a_tempo_change_moves_what_follows() -> None:
    half = mido.MetaMessage("set_tempo", tempo=1_000_000, time=960)
    found = read_midi(written([half], [message for step in (60, 62, 64) for message in note(step)]))
    assert found.notes.onset_s.tolist() == [0, 0.5, 1]
    assert found.notes.offset_s.tolist() == [0.5, 1, 2]
    assert found.tempo_bpm.tolist() == [120, 60]
    assert found.tempo_times_s.tolist() == [0, 1]
    assert found.beat_times.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("numerator", "denominator", "beats", "quarters"),
    [(4, 4, 4, 1), (3, 4, 3, 1), (6, 8, 2, 1.5), (3, 8, 3, 0.5), (2, 2, 2, 2)],
)
def test_time_signatures_give_the_beats_that_are_felt(
    numerator: int, denominator: int, beats: int, quarters: float
) -> None:
    found = read_midi(scale(mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)))
    assert found.meter == Meter(0.0, numerator, denominator)
    assert found.meter.beats_per_bar == beats
    assert found.meter.quarters_per_beat == quarters
    assert np.diff(found.beat_times) == pytest.approx(0.5 * quarters)


def test_the_time_signature_that_holds_for_longest_is_the_meter() -> None:
    signatures = [
        mido.MetaMessage("time_signature", numerator=4, denominator=4, time=0),
        mido.MetaMessage("time_signature", numerator=3, denominator=4, time=480),
    ]
    found = read_midi(written(signatures, [m for step in (60, 62, 64, 65) for m in note(step)]))
    assert [meter.numerator for meter in found.meters] == [4, 3]
    assert found.meter == Meter(0.5, 3, 4)


def test_key_signatures_are_told_as_written() -> None:
    assert read_midi(scale(mido.MetaMessage("key_signature", key="F#m"))).key_signatures == ((0.0, "F#m"),)


def test_drums_are_no_pitched_notes() -> None:
    strokes = [message for _ in range(3) for message in note(38, channel=9)]
    found = read_midi(written(strokes, note(60)))
    assert found.notes.count == 1
    assert found.drum_onsets_s.tolist() == [0, 0.5, 1]


def test_a_note_struck_again_ends_and_a_note_never_released_ends_with_its_track() -> None:
    messages = [
        mido.Message("note_on", note=60, velocity=80),
        mido.Message("note_on", note=60, velocity=70, time=480),
        mido.MetaMessage("end_of_track", time=480),
    ]
    found = read_midi(written(messages))
    assert found.notes.onset_s.tolist() == [0, 0.5]
    assert found.notes.offset_s.tolist() == [0.5, 1.0]


def read_or_refused(data: bytes) -> MidiMusic | RequestError:
    try:
        return read_midi(data)
    except RequestError as error:
        return error


HEADER = b"MThd\0\0\0\6\0\1\0\1\1\xe0"


@settings(max_examples=200, deadline=None)
@given(head=st.sampled_from([b"", b"MThd", HEADER, HEADER + b"MTrk\0\0\0\x20"]), tail=st.binary(max_size=200))
def test_garbage_is_refused_with_an_error_of_the_request(head: bytes, tail: bytes) -> None:
    found = read_or_refused(head + tail)
    assert found.field == "audio" if isinstance(found, RequestError) else found.notes.count > 0


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_file_is_read_or_refused(place: int, byte: int, cut: int) -> None:
    data = bytearray(scale(mido.MetaMessage("set_tempo", tempo=400_000), mido.MetaMessage("key_signature", key="Bb")))
    data[place % len(data)] = byte
    found = read_or_refused(bytes(data[: len(data) - cut]))
    if isinstance(found, MidiMusic):
        assert np.isfinite(found.notes.onset_s).all()
        assert (found.notes.offset_s > found.notes.onset_s).all()
        assert found.seconds <= midi.MAX_SECONDS
    else:
        assert found.message


@settings(max_examples=50, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 127), st.integers(1, 2000), st.integers(1, 127), st.integers(0, 900)),
        min_size=1,
        max_size=30,
    ),
    tempo=st.integers(100_000, 2_000_000),
)
def test_every_note_that_is_written_is_read(steps: list[tuple[int, int, int, int]], tempo: int) -> None:
    messages = [message for pitch, ticks, velocity, wait in steps for message in note(pitch, ticks, velocity, 0, wait)]
    found = read_midi(written([mido.MetaMessage("set_tempo", tempo=tempo), *messages]))
    assert found.notes.count == len(steps)
    assert found.notes.pitch.tolist() == [step[0] for step in steps]
    expected = np.cumsum([wait + ticks for _, ticks, _, wait in steps])[-1] / 480 * tempo / 1e6
    assert found.seconds == pytest.approx(expected, rel=1e-5)


def test_a_file_without_pitched_notes_is_refused() -> None:
    with pytest.raises(MalformedMedia, match="no pitched note"):
        read_midi(written(note(38, channel=9)))


def test_limits_are_named() -> None:
    with pytest.raises(PayloadTooLarge, match=str(midi.MAX_BYTES)):
        read_midi(bytes(midi.MAX_BYTES + 1))
    with pytest.raises(PayloadTooLarge, match="1800 seconds"):
        read_midi(written(note(60, ticks=480 * 4000)))
    with pytest.raises(PayloadTooLarge, match="256 tracks"):
        read_midi(written(*([note(60)] * 257)))


def test_independent_patterns_and_smpte_time_are_not_read() -> None:
    with pytest.raises(UnsupportedMediaType, match="type 2"):
        read_midi(written(note(60), kind=2))
    with pytest.raises(UnsupportedMediaType, match="SMPTE"):
        read_midi(scale().replace(b"\x01\xe0", b"\xe7\x28", 1))
