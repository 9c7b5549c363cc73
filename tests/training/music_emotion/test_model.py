"""The committed model: it follows the music, admits what it does not know, and answers each row alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from luce.server.music.analysis import analyze
from luce.server.music.emotion_input import MUSIC_EMOTION_NAMES
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from tests.server.music import signals
from tests.server.music.transcriber import transcribe
from training.music_emotion.graph import IGNORANCE

WIDTH = len(MUSIC_EMOTION_NAMES)
FOLDER = Path(__file__).resolve().parents[3] / "model_repository" / "music_emotion"


@pytest.fixture(scope="module")
def model() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(FOLDER / "1" / "model.onnx", providers=["CPUExecutionProvider"])


def rows_of(samples: FloatArray) -> FloatArray:
    return analyze(samples, notes=transcribe(samples)).emotion_rows


@pytest.fixture(scope="module")
def descriptors() -> FloatArray:
    """Windows of music, noise and silence."""
    parts = [
        signals.progression(0, "major", 140, 12),
        signals.progression(9, "minor", 60, 12),
        signals.noise(6),
        np.zeros(6 * SAMPLE_RATE, np.float32),
    ]
    return np.concatenate([rows_of(part) for part in parts])


def feel(model: onnxruntime.InferenceSession, samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Emotion (2,) and uncertainty (2,) of a whole piece."""
    emotion, uncertainty = model.run(["emotion", "uncertainty"], {"descriptors": rows_of(samples)})
    return emotion[-1], uncertainty[-1]


@pytest.mark.parametrize("tonic", [0, 5])
def test_fast_loud_major_music_is_more_aroused_and_happier_than_slow_soft_minor_music(
    model: onnxruntime.InferenceSession, tonic: int
) -> None:
    happy, _ = feel(model, signals.progression(tonic, "major", 144, 20, gain=0.12, decay=6))
    sad, _ = feel(model, signals.progression(tonic, "minor", 56, 20, gain=0.03, decay=1.5))
    assert happy[1] > sad[1] + 0.08
    assert happy[0] > sad[0] + 0.1


def test_faster_music_is_more_aroused(model: onnxruntime.InferenceSession) -> None:
    slow, fast = (feel(model, signals.progression(2, "major", bpm, 20))[0] for bpm in (60, 150))
    assert fast[1] > slow[1] + 0.05


def test_major_music_is_happier_than_the_same_in_minor(model: onnxruntime.InferenceSession) -> None:
    minor, major = (feel(model, signals.progression(2, mode, 100, 20))[0] for mode in ("minor", "major"))
    assert major[0] > minor[0] + 0.05


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10 * SAMPLE_RATE, np.float32),
        signals.noise(10),
        signals.noise(10, gain=1e-5),
        np.eye(1, 3000, dtype=np.float32)[0],
        signals.sine(50, 10),
        np.sign(signals.noise(10)),
    ],
    ids=["silence", "noise", "hiss", "click", "hum", "square noise"],
)
def test_what_is_not_music_is_answered_neutral_and_uncertain(
    model: onnxruntime.InferenceSession, samples: FloatArray
) -> None:
    emotion, uncertainty = feel(model, samples)
    assert np.abs(emotion).max() < 0.1
    assert uncertainty.min() > 0.9 * IGNORANCE


@settings(max_examples=40, deadline=None)
@given(
    values=arrays(
        np.float32,
        st.tuples(st.integers(1, 8), st.just(WIDTH)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_any_finite_input_gives_an_emotion_in_range(model: onnxruntime.InferenceSession, values: FloatArray) -> None:
    emotion, uncertainty = model.run(["emotion", "uncertainty"], {"descriptors": values})
    assert (np.abs(emotion) <= 1).all()
    assert ((uncertainty > 0) & (uncertainty < 2)).all()


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_window_gives_the_same_bytes_alone_and_in_any_batch(
    model: onnxruntime.InferenceSession, descriptors: FloatArray, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(descriptors) - 1), min_size=2, max_size=70))
    together = model.run(None, {"descriptors": descriptors[rows]})
    for place in {0, len(rows) // 2, len(rows) - 1}:
        alone = model.run(None, {"descriptors": descriptors[rows[place]][None]})
        for one, many in zip(alone, together, strict=True):
            assert one[0].tobytes() == many[place].tobytes()


def test_the_card_holds_held_out_figures_above_the_floor() -> None:
    held_out = json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))["held_out"]
    assert held_out["vgmidi"]["piece"]["valence"]["ccc"] >= 0.62
    assert held_out["vgmidi"]["piece"]["arousal"]["ccc"] >= 0.78
    assert held_out["emotify"]["piece"]["valence"]["pearson"] >= 0.45
    assert held_out["emotify"]["piece"]["arousal"]["pearson"] >= 0.75
    assert held_out["vgmidi"]["pieces"] >= 20


def test_the_model_reads_as_many_descriptors_as_are_computed(model: onnxruntime.InferenceSession) -> None:
    (given_input,) = model.get_inputs()
    assert (given_input.name, given_input.shape[1]) == ("descriptors", WIDTH)
    assert f"dims: [ {WIDTH} ]" in (FOLDER / "config.pbtxt").read_text(encoding="utf-8")
