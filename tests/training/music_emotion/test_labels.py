"""Labels: windows get the emotion of the measures they overlap, and the split is by piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.music_emotion.labels import HELD_OUT_SHARE, Piece, emopia, emotify, fraction, vgmidi
from training.music_emotion.sources import window_labels


def test_a_window_takes_its_measures_by_their_overlap() -> None:
    emotion = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    found = window_labels(emotion, np.array([0.0, 4.0, 8.0]), np.array([2.5, 4.5, 20.0], np.float32))
    np.testing.assert_allclose(found[0], [0.2, 0.8], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.6, 0.4], atol=1e-6)
    assert np.isnan(found[2]).all()


@given(name=st.text(min_size=1))
def test_the_fraction_of_a_name_is_in_the_unit_interval_and_fixed(name: str) -> None:
    assert 0 <= fraction(name) < 1
    assert fraction(name) == fraction(name)


def test_about_a_fifth_of_the_pieces_is_held_out() -> None:
    pieces = [Piece(f"vgmidi/{index}", Path("x.mid"), np.zeros((1, 2), np.float32)) for index in range(2000)]
    assert np.mean([piece.held_out for piece in pieces]) == pytest.approx(HELD_OUT_SHARE, abs=0.03)


def test_the_data_sets_are_read_by_piece_with_emotions_in_range(tmp_path: Path) -> None:
    (tmp_path / "vgmidi" / "labelled").mkdir(parents=True)
    (tmp_path / "vgmidi" / "measure_va.csv").write_text(
        "set,piece,midi,segment,valence,arousal,n_annotators\n1,p0,a.mid,0,-0.5,0.25,30\n1,p0,a.mid,1,0.5,0.75,30\n"
    )
    (piece,) = vgmidi(tmp_path)
    assert piece.file == tmp_path / "vgmidi" / "labelled" / "a.mid"
    np.testing.assert_allclose(piece.emotion, [[-0.5, 0.25], [0.5, 0.75]])


def test_contrasts_of_recordings_are_signed_as_russell_would_and_missing_files_are_left_out(tmp_path: Path) -> None:
    names = "amazement,solemnity,tenderness,nostalgia,calmness,power,joyful_activation,tension,sadness"
    rows = {
        "joy": "0,0,0,0,0,0.5,1,0,0",
        "fear": "0,0,0,0,0,0.5,0,1,0",
        "sad": "0,0,0,0,0.3,0,0,0,1",
        "gone": "0" + ",0" * 8,
    }
    (tmp_path / "emotify" / "audio").mkdir(parents=True)
    lines = [f"track_id,genre,file,n,{names},liked,disliked"]
    for name, values in rows.items():
        lines.append(f"{name},pop,audio/{name}.opus,30,{values},0,0")
        if name != "gone":
            (tmp_path / "emotify" / "audio" / f"{name}.opus").touch()
    (tmp_path / "emotify" / "tracks.csv").write_text("\n".join(lines) + "\n")
    pieces = {piece.name: piece.emotion[0] for piece in emotify(tmp_path)}
    assert set(pieces) == {"emotify/joy", "emotify/fear", "emotify/sad"}
    assert pieces["emotify/joy"][0] > pieces["emotify/sad"][0]
    assert pieces["emotify/joy"][0] > pieces["emotify/fear"][0]
    assert pieces["emotify/fear"][1] > pieces["emotify/sad"][1]
    assert all(np.abs(value).max() <= 1 for value in pieces.values())


def test_the_quadrant_of_a_clip_is_read_from_its_name(tmp_path: Path) -> None:
    (tmp_path / "emopia" / "midi").mkdir(parents=True)
    for name in ("Q1_a_0.mid", "Q4_b_1.mid", "notes.txt"):
        (tmp_path / "emopia" / "midi" / name).touch()
    assert [(path.name, quadrant) for path, quadrant in emopia(tmp_path)] == [("Q1_a_0.mid", 1), ("Q4_b_1.mid", 4)]
