"""The committed model of notes: it follows the music, and answers each row alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from luce.server.music.emotion_input import NOTE_EMOTION_NAMES, note_rows
from luce.server.music.spectra import FloatArray
from tests.server.music.test_note_descriptors import MAJOR, MINOR, chords

FOLDER = Path(__file__).resolve().parents[3] / "model_repository" / "note_emotion"
WIDTH = len(NOTE_EMOTION_NAMES)


@pytest.fixture(scope="module")
def model() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(FOLDER / "1" / "model.onnx", providers=["CPUExecutionProvider"])


def feel(model: onnxruntime.InferenceSession, triad: tuple[int, ...], beat: float) -> FloatArray:
    notes = chords(triad, beat, count=round(24 / beat))
    emotion, _ = model.run(None, {"descriptors": note_rows(notes, float(notes.offset_s.max()), written=True)})
    return np.asarray(emotion[-1], np.float32)


def test_major_is_happier_than_minor_and_fast_more_aroused_than_slow(model: onnxruntime.InferenceSession) -> None:
    assert feel(model, MAJOR, 0.5)[0] > feel(model, MINOR, 0.5)[0] + 0.1
    assert feel(model, MAJOR, 0.25)[1] > feel(model, MAJOR, 1.0)[1] + 0.1


@settings(max_examples=40, deadline=None)
@given(values=arrays(np.float32, st.tuples(st.integers(1, 8), st.just(WIDTH)), elements=st.floats(-1e6, 1e6, width=32)))
def test_any_finite_input_gives_an_emotion_in_range(model: onnxruntime.InferenceSession, values: FloatArray) -> None:
    emotion, uncertainty = model.run(["emotion", "uncertainty"], {"descriptors": values})
    assert (np.abs(emotion) <= 1).all()
    assert ((uncertainty > 0) & (uncertainty < 2)).all()


@settings(max_examples=30, deadline=None)
@given(places=st.lists(st.integers(0, 27), min_size=2, max_size=70))
def test_a_row_gives_the_same_bytes_alone_and_in_any_batch(
    model: onnxruntime.InferenceSession, places: list[int]
) -> None:
    notes = chords(MINOR, 1.0)
    rows = note_rows(notes, float(notes.offset_s.max()), written=True)
    together = model.run(None, {"descriptors": rows[places]})
    for place in {0, len(places) // 2, len(places) - 1}:
        alone = model.run(None, {"descriptors": rows[places[place]][None]})
        for one, many in zip(alone, together, strict=True):
            assert one[0].tobytes() == many[place].tobytes()


def test_the_card_holds_held_out_figures_above_the_bars() -> None:
    held_out = json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))["held_out"]
    assert held_out["vgmidi_written"]["pieces"] >= 20
    assert held_out["vgmidi_written"]["piece"]["valence"]["ccc"] >= 0.72
    assert held_out["vgmidi_written"]["piece"]["arousal"]["ccc"] >= 0.84


def test_the_model_reads_as_many_descriptors_as_are_computed(model: onnxruntime.InferenceSession) -> None:
    (given_input,) = model.get_inputs()
    assert (given_input.name, given_input.shape[1]) == ("descriptors", WIDTH)
    assert f"dims: [ {WIDTH} ]" in (FOLDER / "config.pbtxt").read_text(encoding="utf-8")
