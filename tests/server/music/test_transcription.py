"""From sound to notes: what is played is written down, at the right time, whatever else is heard in the same batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from luce.server.music import transcription
from luce.server.music.spectra import SAMPLE_RATE
from luce.server.music.transcription import PITCHES, Posteriors, track_notes
from tests.server.music import signals
from tests.server.music.transcriber import FOLDER, session, transcribe


def test_a_scale_is_written_down_note_by_note() -> None:
    pitches = [60 + step for step in (0, 2, 4, 5, 7, 9, 11, 12)] * 6
    played = [(0.5 + 0.4 * index, 0.3, signals.tone(pitch, 0.38)) for index, pitch in enumerate(pitches)]
    notes = transcribe(signals.mix(played, 21))
    strong = notes.amplitude > 0.4
    heard = {
        (round((float(onset) - 0.5) / 0.4), int(pitch))
        for onset, pitch in zip(notes.onset_s[strong], notes.pitch[strong], strict=True)
    }
    found = sum((index, pitch) in heard for index, pitch in enumerate(pitches))
    assert found >= 0.9 * len(pitches)


def test_onset_times_do_not_drift_over_a_long_piece() -> None:
    played = [(0.5 + index, 0.3, signals.tone(57 + index % 12, 0.6)) for index in range(58)]
    notes = transcribe(signals.mix(played, 60))
    strong = notes.onset_s[notes.amplitude > 0.4].astype(np.float64)
    late = strong[strong > 45] - 0.5
    assert late.size >= 8
    assert np.median(np.abs(late - np.rint(late))) < 0.03


@pytest.mark.parametrize("seconds", [0.001, 0.3, 1.64, 1.65, 2.0, 5.0])
def test_a_piece_of_any_length_has_the_frames_of_its_length(seconds: float) -> None:
    samples = signals.noise(6)[: max(1, round(seconds * SAMPLE_RATE))]
    cut = transcription.windows(samples)
    assert cut.shape[1] == transcription.WINDOW_SAMPLES
    silent = np.zeros((len(cut), transcription.WINDOW_FRAMES, PITCHES), np.float32)
    frames = len(transcription.stitch(silent, silent, samples.size).sounding)
    assert transcription.frame_times(frames - 1) <= samples.size / SAMPLE_RATE
    assert transcription.frame_times(frames) >= samples.size / SAMPLE_RATE - 0.012


@given(frame=st.integers(0, 100_000))
def test_a_frame_is_found_again_at_its_time(frame: int) -> None:
    found = transcription.frame_at(float(transcription.frame_times(frame)) + 1e-4)
    assert abs(found - frame) <= 1


@settings(max_examples=60, deadline=None)
@given(values=arrays(np.float32, (40, PITCHES), elements=st.floats(0, 1, width=32), fill=st.floats(0, 1, width=32)))
def test_any_posteriors_give_notes_in_order_and_in_range(values: np.ndarray) -> None:
    notes = track_notes(Posteriors(values, values[::-1].copy()))
    assert (np.diff(notes.onset_s) >= 0).all()
    assert (notes.offset_s > notes.onset_s).all()
    assert ((notes.pitch >= 21) & (notes.pitch <= 108)).all()
    assert ((notes.amplitude >= 0) & (notes.amplitude <= 1)).all()


def test_notes_of_one_pitch_do_not_overlap() -> None:
    generator = np.random.default_rng(4)
    notes = track_notes(Posteriors(*generator.uniform(0, 1, (2, 900, PITCHES)).astype(np.float32)))
    for pitch in np.unique(notes.pitch):
        mine = notes.pitch == pitch
        assert (notes.onset_s[mine][1:] >= notes.offset_s[mine][:-1] - 1e-6).all()


def test_a_tone_that_swells_without_an_onset_is_a_note() -> None:
    sounding = np.zeros((200, PITCHES), np.float32)
    sounding[50:150, 39] = np.concatenate([np.linspace(0, 0.8, 50), np.full(50, 0.8)])
    notes = track_notes(Posteriors(sounding, np.zeros_like(sounding)))
    assert notes.pitch.tolist() == [60]
    assert notes.offset_s[0] - notes.onset_s[0] > 0.6


@pytest.mark.parametrize("samples", [np.zeros(3 * SAMPLE_RATE, np.float32), signals.noise(3)], ids=["silence", "noise"])
def test_no_melody_is_invented(samples: np.ndarray) -> None:
    assert (transcribe(samples).amplitude > 0.5).sum() <= 2


@settings(max_examples=10, deadline=None)
@given(rows=st.lists(st.integers(0, 7), min_size=2, max_size=16))
def test_a_window_gives_the_same_bytes_alone_and_in_any_batch(rows: list[int]) -> None:
    cut = transcription.windows(signals.progression(0, "major", 120, 13))
    together = session().run(None, {"audio": cut[rows]})
    for place in {0, len(rows) // 2, len(rows) - 1}:
        alone = session().run(None, {"audio": cut[rows[place]][None]})
        for one, many in zip(alone, together, strict=True):
            assert one[0].tobytes() == many[place].tobytes()


def test_the_configuration_fits_the_graph() -> None:
    text = (FOLDER / "config.pbtxt").read_text(encoding="utf-8")
    assert f"dims: [ {transcription.WINDOW_SAMPLES} ]" in text
    assert 'key: "intra_op_thread_count" value: { string_value: "1" }' in text
    assert {tensor.name for tensor in session().get_outputs()} == {"notes", "onsets"}
    for name in ("LICENSE", "NOTICE", "README.md"):
        assert (FOLDER / name).stat().st_size > 500


@given(cuts=st.lists(st.integers(0, 120_000), max_size=5), size=st.sampled_from([1, 36_164, 40_000, 120_000]))
def test_windows_are_the_same_however_the_signal_is_cut(cuts: list[int], size: int) -> None:
    samples = np.random.default_rng(3).standard_normal(size).astype(np.float32)
    cutter = transcription.WindowCutter()
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    parts = [cutter.feed(samples[a:b]) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate([*parts, cutter.finish()]), transcription.windows(samples))


def posteriors_of(windows: int, held: int) -> tuple[np.ndarray, np.ndarray]:
    """A note of `held` frames of each pitch in turn, one after the other, as a model's answers of so many windows."""
    frames = windows * 142
    notes, onsets = np.zeros((2, frames, PITCHES), np.float32)
    for index, begin in enumerate(range(20, frames - held, held + 30)):
        notes[begin : begin + held, index % PITCHES] = 0.8
        onsets[begin, index % PITCHES] = 0.9
    pad = ((0, 0), (15, 15), (0, 0))
    return tuple(np.pad(part.reshape(windows, 142, PITCHES), pad) for part in (notes, onsets))  # type: ignore[return-value]


@pytest.mark.parametrize("windows", [1, 30, 36, 100])
def test_notes_of_a_long_piece_are_those_of_the_whole(windows: int) -> None:
    notes, onsets = posteriors_of(windows, 50)
    samples = windows * transcription.WINDOW_HOP
    tracker = transcription.NoteTracker()
    for first in range(0, windows, 7):
        tracker.feed(notes[first : first + 7], onsets[first : first + 7])
    found = tracker.finish(samples)
    whole = track_notes(transcription.stitch(notes, onsets, samples))
    assert found.count == whole.count > 0
    np.testing.assert_allclose(found.onset_s, whole.onset_s)
    np.testing.assert_allclose(found.offset_s, whole.offset_s)
    np.testing.assert_array_equal(found.pitch, whole.pitch)


def test_a_note_held_over_stretches_is_told_once() -> None:
    windows = 80
    notes, onsets = (np.zeros((windows, 172, PITCHES), np.float32) for _ in range(2))
    notes[:, :, 39] = 0.8
    onsets[0, 15, 39] = 0.9
    tracker = transcription.NoteTracker()
    tracker.feed(notes, onsets)
    found = tracker.finish(windows * transcription.WINDOW_HOP)
    assert found.pitch.tolist() == [60]
    assert found.offset_s[0] > 50
