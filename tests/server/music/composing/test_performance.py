"""Scores as MIDI: in order, in range, ended on time."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.music.composing.orchestra import DRUMS, INSTRUMENTS, chosen_orchestra, orchestra_of
from luce.server.music.composing.performance import Manner, heard, midi_bytes, perform
from luce.server.music.composing.piano_roll import piano_roll
from luce.server.music.composing.score import BASS, HARMONY, MELODY, METRES, Score
from luce.server.music.midi import read_midi
from tests.server.music.composing.strategies import scores

names = st.lists(st.sampled_from([*INSTRUMENTS]), min_size=1, max_size=7, unique=True)


@settings(max_examples=40)
@given(scores(), names, st.booleans(), st.integers(-6, 5), st.floats(40, 220), st.floats(-1, 1))
def test_every_score_is_a_midi_file_without_stuck_notes_that_ends_on_time(
    score: Score, players: list[str], drums: bool, shift: int, bpm: float, arousal: float
) -> None:
    manner = Manner(bpm, shift, orchestra_of([*players, *([DRUMS] if drums else [])]), arousal)
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(score, manner, title="η ü")))
    end = round(score.bars * METRES[score.metre].quarters * file.ticks_per_beat)
    for track in file.tracks:
        tick, sounding = 0, set[tuple[int, int]]()
        for message in track:
            tick += message.time
            if message.type == "note_on":
                assert (message.channel, message.note) not in sounding
                sounding.add((message.channel, message.note))
            elif message.type == "note_off":
                sounding.remove((message.channel, message.note))
        assert not sounding
        assert tick == end


@settings(max_examples=40)
@given(scores(), names)
def test_every_note_lies_within_what_its_instrument_plays(score: Score, players: list[str]) -> None:
    by_program = {one.program: one for one in INSTRUMENTS.values()}
    for note in perform(score, Manner(100, 3, orchestra_of(players))):
        assert by_program[note.program].low <= note.pitch <= by_program[note.program].high
        assert note.start_s < note.end_s
        assert 1 <= note.velocity <= 127


@settings(max_examples=30)
@given(scores(most_bars=6), st.integers(1, 6))
def test_what_a_finished_bar_begins_does_not_change_while_more_is_written(score: Score, bars: int) -> None:
    manner = Manner(90, 0, orchestra_of(["piano", "drums"]))
    first = score.between(0, min(bars, score.bars))
    until = (first.bars - 1) * METRES[score.metre].positions * manner.step_s - 1e-9

    def begun(part: Score, *, ends: bool) -> list[tuple[float, int, int]]:
        return [(n.start_s, n.pitch, n.velocity) for n in perform(part, manner, ends=ends) if n.start_s < until]

    assert begun(first, ends=False) == begun(score, ends=True)


def test_the_last_notes_are_held_to_the_end() -> None:
    score = Score.sorted(0, 1, onset=[0, 8], length=[4, 2], pitch=[60, 64], role=[MELODY, MELODY])
    played = perform(score, Manner(120, 0, orchestra_of(["organ"])))
    assert [note.end_s for note in played] == pytest.approx([0.5, 2.0])


def test_a_written_piece_is_read_back_as_it_was_played() -> None:
    score = Score.sorted(
        1, 2, onset=[0, 0, 4, 12], length=[12, 4, 8, 12], pitch=[48, 64, 67, 60], role=[BASS, MELODY, MELODY, MELODY]
    )
    manner = Manner(90, 2, orchestra_of(["piano"]), tonic=2)
    music = read_midi(midi_bytes(score, manner))
    assert music.key_signatures == ((0.0, "D"),)
    assert music.meter is not None
    assert (music.meter.numerator, music.meter.denominator) == (3, 4)
    assert music.tempo_bpm.tolist() == pytest.approx([90], abs=0.01)
    expected = heard(perform(score, manner))
    assert music.notes.pitch.tolist() == expected.pitch.tolist() == [50, 66, 69, 62]
    np.testing.assert_allclose(music.notes.onset_s, expected.onset_s, atol=2e-3)
    np.testing.assert_allclose(music.notes.offset_s, expected.offset_s, atol=2e-3)


def test_instruments_take_the_roles_that_suit_them() -> None:
    orchestra = orchestra_of(["cello", "flute", "harp", "drums"])
    assert {role: [one.name for one in players] for role, players in orchestra.players.items()} == {
        MELODY: ["flute"],
        HARMONY: ["harp"],
        BASS: ["cello"],
    }
    assert orchestra.names == ("flute", "harp", "cello", "drums")
    alone = orchestra_of(["Flute "])
    assert {one.name for players in alone.players.values() for one in players} == {"flute"}


@pytest.mark.parametrize("wrong", [["kazoo"], [], ["drums"], list(INSTRUMENTS)[:9]])
def test_a_wrong_list_of_instruments_is_refused(wrong: list[str]) -> None:
    with pytest.raises(InvalidArgument) as error:
        orchestra_of(wrong)
    assert error.value.field == "instruments"


def test_an_orchestra_is_drawn_by_emotion_and_seed() -> None:
    def drawn(valence: float, arousal: float) -> set[tuple[str, ...]]:
        return {chosen_orchestra(valence, arousal, np.random.default_rng(seed)).names for seed in range(40)}

    assert len(drawn(0.6, -0.6)) > 1
    assert drawn(0.6, -0.6) != drawn(-0.6, 0.6)


@settings(max_examples=8)
@given(scores())
def test_a_piano_roll_is_the_same_picture_for_the_same_piece(score: Score) -> None:
    manner = Manner(100, 0, orchestra_of(["piano", "drums"]))
    picture = piano_roll(score, manner, title="A rather long title " * 20)
    assert picture == piano_roll(score, manner, title="A rather long title " * 20)
    assert picture.startswith(b"\x89PNG")
