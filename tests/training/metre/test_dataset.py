"""What the metre classifier learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from luce.server.music.metre import METRES
from luce.server.music.metre_features import FEATURE_COUNT
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from training.evaluate.performances import Truth, pop_truth
from training.metre.dataset import collect, collect_heard, joined, made_up_stretches, spoil
from training.metre.heard import HeardStretch


def waltz(bars: int = 20) -> Notes:
    onset = np.arange(3 * bars) * 0.5
    pitch = np.array([40, 60, 64] * bars)
    return Notes.sorted(onset, onset + 0.4, pitch, np.full(onset.size, 0.6))


def test_spoiled_notes_are_fewer_or_more_but_still_notes() -> None:
    for seed in range(5):
        notes = spoil(waltz(), np.random.default_rng(seed))
        assert 20 < notes.count < 120
        assert (notes.onset_s >= 0).all()
        assert (notes.offset_s > notes.onset_s).all()


def test_what_is_made_up_and_what_was_heard_become_examples_of_one_kind() -> None:
    generator = np.random.default_rng(0)
    stretches = [stretch for stretch, _ in zip(made_up_stretches(generator), range(3), strict=False)]
    written = collect(stretches, generator)
    frames = int(31 * ONSET_FRAMES_PER_SECOND)
    envelope = np.zeros(frames, np.float32)
    envelope[np.rint(waltz().onset_s * ONSET_FRAMES_PER_SECOND).astype(int)] = 10.0
    truth = Truth("pop909/1", 120.0, 0, "unknown", "3/4")
    both = joined(written, collect_heard([HeardStretch(truth, waltz(), envelope)]))
    assert both.features.shape == (4, FEATURE_COUNT)
    assert both.source.tolist() == ["made_up"] * 3 + ["heard pop909"]
    assert METRES[both.metre[3]] == "3/4"


def test_a_song_annotated_in_threes_is_a_waltz(tmp_path: Path) -> None:
    (tmp_path / "beat_midi.txt").write_text(
        "".join(f"{beat * 0.6} {float(beat % 3 == 0)} 0.0\n" for beat in range(120))
    )
    (tmp_path / "key_audio.txt").write_text("0.0\t90.0\tC:maj\n")
    assert pop_truth(tmp_path).metre == "3/4"
