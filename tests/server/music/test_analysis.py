"""The whole analysis: descriptors of the right shape and sense, at every length."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.music.analysis import Analyzer, analyze
from luce.server.music.descriptors import DESCRIPTOR_COUNT, DESCRIPTOR_NAMES
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from tests.server.music import signals


def column(samples: FloatArray, name: str) -> float:
    return float(analyze(samples).descriptors.values[:, DESCRIPTOR_NAMES.index(name)].mean())


@pytest.mark.parametrize(("seconds", "windows"), [(0.001, 1), (0.3, 1), (4.9, 1), (5.0, 1), (6.0, 2), (30.0, 26)])
def test_there_is_a_window_a_second_and_at_least_one(seconds: float, windows: int) -> None:
    curve = analyze(signals.progression(0, "major", 100, seconds)).descriptors
    assert curve.values.shape == (windows, DESCRIPTOR_COUNT)
    assert curve.values.dtype == np.float32
    assert curve.times.shape == (windows,)
    assert curve.times[0] == pytest.approx(min(5.0, seconds) / 2, abs=1e-3)
    assert np.isfinite(curve.values).all()


@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(1, 3 * SAMPLE_RATE),
    kind=st.sampled_from(["noise", "sine", "clipped", "impulse", "constant"]),
    gain=st.floats(1e-6, 1.0),
)
def test_any_signal_gives_finite_descriptors(length: int, kind: str, gain: float) -> None:
    generator = np.random.default_rng(length)
    samples = {
        "noise": generator.standard_normal(length),
        "sine": np.sin(np.arange(length) * 0.3),
        "clipped": np.sign(generator.standard_normal(length)),
        "impulse": np.eye(1, length)[0],
        "constant": np.ones(length),
    }[kind]
    found = analyze((gain * samples).astype(np.float32))
    assert np.isfinite(found.descriptors.values).all()
    assert 0 <= found.key.confidence <= 1
    assert 0 <= found.tempo.confidence <= 1


def test_silence_is_described_as_silence() -> None:
    found = analyze(np.zeros(8 * SAMPLE_RATE, np.float32))
    assert found.silent
    assert found.onset_times.size == 0
    values = found.descriptors.values
    assert (values[:, 0] == -70).all()
    assert not values[:, 1:].any()


def test_music_is_not_silent() -> None:
    assert not analyze(signals.progression(0, "major", 100, 4)).silent


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("loudness", signals.noise(6, gain=0.01), signals.noise(6, gain=0.1)),
        ("onset_rate", signals.progression(0, "major", 60, 8), signals.progression(0, "major", 160, 8)),
        ("mode_score", signals.progression(0, "minor", 100, 8), signals.progression(0, "major", 100, 8)),
        ("triad_balance", signals.progression(0, "minor", 100, 8), signals.progression(0, "major", 100, 8)),
        ("centroid", signals.sine(200, 6), signals.sine(2000, 6)),
        ("register", signals.sine(220, 6), signals.sine(880, 6)),
        ("low_share", signals.sine(1000, 6), signals.sine(100, 6)),
        ("high_share", signals.sine(1000, 6), signals.sine(5000, 6)),
        ("flatness", signals.sine(440, 6), signals.noise(6)),
        ("tonal_share", signals.noise(6), signals.sine(440, 6)),
        ("roughness", signals.sine(440, 6), signals.sine(440, 6) + signals.sine(466.2, 6)),
        ("decay", signals.progression(0, "major", 60, 8, decay=1), signals.progression(0, "major", 60, 8, decay=9)),
        ("semitone_share", signals.sine(262, 6) + signals.sine(392, 6), signals.sine(262, 6) + signals.sine(277.2, 6)),
        ("tritone_share", signals.sine(262, 6) + signals.sine(392, 6), signals.sine(262, 6) + signals.sine(370, 6)),
        ("pulse_clarity", signals.noise(20), signals.progression(0, "major", 100, 20)),
        ("polyphony", signals.sine(440, 6), signals.progression(0, "major", 100, 6)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_descriptor_moves_the_way_its_name_says(name: str, less: FloatArray, more: FloatArray) -> None:
    assert column(more, name) > column(less, name) + 0.01


def test_a_window_sees_only_its_own_stretch_and_context() -> None:
    calm = signals.progression(0, "minor", 60, 20)
    wild = signals.progression(0, "major", 150, 20, gain=0.12)
    values = analyze(np.concatenate([calm, wild])).descriptors.values
    rate = values[:, DESCRIPTOR_NAMES.index("onset_rate")]
    mode = values[:, DESCRIPTOR_NAMES.index("mode_score")]
    assert rate[:14].mean() + 0.7 < rate[22:].mean()
    assert mode[:14].mean() < 0 < mode[22:].mean()


def test_the_same_samples_give_the_same_bytes() -> None:
    music = signals.progression(2, "minor", 84, 10)
    assert analyze(music).descriptors.values.tobytes() == analyze(music.copy()).descriptors.values.tobytes()


def test_another_sample_rate_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="22050") as caught:
        analyze(np.zeros(100, np.float32), 44100)
    assert caught.value.field == "sample_rate"


def test_half_a_megabyte_is_kept_of_a_minute() -> None:
    minute = np.tile(signals.progression(0, "major", 100, 10), 6)
    analyzer = Analyzer()
    tracemalloc.start()
    try:
        kept = []
        for _ in range(3):
            for start in range(0, minute.size, 10 * SAMPLE_RATE):
                analyzer.feed(minute[start : start + 10 * SAMPLE_RATE])
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[2] - kept[0] < 2 * 0.5e6


@pytest.mark.slow
def test_ten_minutes_need_less_than_200_mb_beside_the_samples() -> None:
    samples = np.tile(signals.progression(0, "major", 100, 30), 20)
    tracemalloc.start()
    try:
        analyze(samples)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6
