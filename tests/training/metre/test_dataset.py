"""What the metre networks learn from."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np

from luce.server.music.metre import METRES
from luce.server.music.metre_features import FEATURE_COUNT
from luce.server.music.metre_layout import ROWS
from luce.server.music.midi import read_midi
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from training.evaluate.performances import Truth, pop_truth
from training.metre.beats import Beats, written_beats
from training.metre.dataset import heard_examples, made_up_stretches, spoil, spoiled_examples
from training.metre.duplicates import alike
from training.metre.heard import HeardStretch


def waltz(bars: int = 20) -> Notes:
    onset = np.arange(3 * bars) * 0.5
    pitch = np.array([40, 60, 64] * bars)
    return Notes.sorted(onset, onset + 0.4, pitch, np.full(onset.size, 0.6))


def write(path: Path, pitches: list[int], signature: tuple[int, int] = (4, 4)) -> Path:
    """A melody of quarters at 120 a minute."""
    track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=signature[0], denominator=signature[1])])
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)
    return path


def test_spoiled_notes_are_fewer_or_more_but_still_notes() -> None:
    for seed in range(5):
        notes = spoil(waltz(), np.random.default_rng(seed))
        assert 20 < notes.count < 120
        assert (notes.onset_s >= 0).all()
        assert (notes.offset_s > notes.onset_s).all()


def test_what_is_made_up_becomes_examples_without_marks() -> None:
    generator = np.random.default_rng(0)
    for example in spoiled_examples(made_up_stretches(generator, 3), generator):
        assert example.source == "made_up"
        assert example.features.shape == (FEATURE_COUNT,)
        assert (example.marks == -1).all()
        assert example.layout.shape == (ROWS, 2 * example.marks.shape[1])


def test_what_was_heard_becomes_an_example_on_each_grid_with_its_bars_marked() -> None:
    frames = int(31 * ONSET_FRAMES_PER_SECOND)
    envelope = np.zeros(frames, np.float32)
    envelope[np.rint(waltz().onset_s * ONSET_FRAMES_PER_SECOND).astype(int)] = 10.0
    truth = Truth("pop909/1", 120.0, 0, "unknown", "3/4")
    beats = np.arange(60, dtype=np.float64) * 0.5
    examples = list(heard_examples([HeardStretch(truth, waltz(), envelope, Beats(beats, beats[::3]))]))
    assert len(examples) >= 5
    for example in examples:
        assert (example.source, METRES[example.metre]) == ("heard pop909", "3/4")
        marked = example.marks.sum(axis=1)
        assert abs(marked[0] - 60) <= 1
        assert abs(marked[1] - 20) <= 1


def test_a_song_annotated_in_threes_is_a_waltz(tmp_path: Path) -> None:
    (tmp_path / "beat_midi.txt").write_text(
        "".join(f"{beat * 0.6} {float(beat % 3 == 0)} 0.0\n" for beat in range(120))
    )
    (tmp_path / "key_audio.txt").write_text("0.0\t90.0\tC:maj\n")
    assert pop_truth(tmp_path).metre == "3/4"


def test_bars_are_counted_from_the_time_signature_and_follow_a_change_of_tempo(tmp_path: Path) -> None:
    midi = read_midi(write(tmp_path / "waltz.mid", [60, 64, 67] * 20, (3, 4)).read_bytes())
    found = written_beats(midi, 3.0, 2.0)
    assert found.beats[:3].tolist() == [0.0, 1.0, 2.0]
    assert np.diff(found.bars).tolist() == [3.0] * (len(found.bars) - 1)
    assert found.bars[0] == 0.0


def test_the_same_music_in_another_key_is_found_and_other_music_is_not(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    melody = generator.integers(50, 80, 90).tolist()
    evaluated = write(tmp_path / "a.mid", melody)
    same = write(tmp_path / "b.mid", [pitch + 2 for pitch in melody[10:]])
    other = write(tmp_path / "c.mid", generator.integers(50, 80, 90).tolist())
    assert alike([evaluated], [same, other]) == {same}
