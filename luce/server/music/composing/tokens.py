"""The composer's tokens, and scores in and out of them.

A piece is its metre, then bars that count down to the end, each with positions that have notes::

    METRE 4/4, BAR 2, POSITION 0, LENGTH 16, bass C2, harmony E3, harmony G3, LENGTH 4, melody C5, POSITION 4, ...

After REMI (Huang and Yang, 2020), with fewer tokens: a position is named once for all its notes, a length once for all
notes in a row that have it, a note token is role and pitch together, and loudness is left to the performance. Notes of
one position ascend by role, then by pitch. A bar's token says how many bars are left, itself included, so that a piece
ends when it should. Pitches are those of C major or A minor: a key is a transposition.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.score import BASS, HARMONY, MELODY, METRES, Score

Tokens = npt.NDArray[np.int32]

BEGIN: Final = 0
"""What the decoder reads first; it also pads."""
END: Final = 1

FIRST_METRE: Final = 2
FIRST_BAR: Final = FIRST_METRE + len(METRES)
MOST_BARS: Final = 64
"""Bars of one piece; the token ``FIRST_BAR + r - 1`` says that r bars are left."""
FIRST_POSITION: Final = FIRST_BAR + MOST_BARS
POSITIONS: Final = max(metre.positions for metre in METRES)
FIRST_LENGTH: Final = FIRST_POSITION + POSITIONS
LENGTHS: Final = (1, 2, 3, 4, 6, 8, 12, 16)
"""Sixteenths; other lengths become the nearest one, on a logarithmic scale."""
FIRST_NOTE: Final = FIRST_LENGTH + len(LENGTHS)
RANGES: Final = {BASS: (28, 60), HARMONY: (40, 92), MELODY: (48, 101)}
"""Lowest pitch of each role, and the first above its highest; what lies outside is moved by octaves."""

_OFFSETS: Final[dict[int, int]] = {
    BASS: FIRST_NOTE,
    HARMONY: FIRST_NOTE + 32,
    MELODY: FIRST_NOTE + 32 + 52,
}
VOCABULARY_SIZE: Final = FIRST_NOTE + sum(high - low for low, high in RANGES.values())
CONTEXT: Final = 1024
"""Most tokens of a piece, the first one (`BEGIN`) included."""

_LOG_LENGTHS = np.log2(np.array(LENGTHS))


def bar_token(left: int) -> int:
    """The token of a bar with ``left`` bars to come, itself included."""
    return FIRST_BAR + left - 1


def nearest_length(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Index into :data:`LENGTHS` of the nearest one."""
    logs = np.log2(np.maximum(np.asarray(lengths, np.float64), 1))
    found: npt.NDArray[np.int64] = np.abs(logs[..., None] - _LOG_LENGTHS).argmin(axis=-1)
    return found


def note_tokens(role: npt.ArrayLike, pitch: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Tokens of notes; pitches outside their role's range are moved by octaves."""
    roles, pitches = np.asarray(role, np.int64), np.asarray(pitch, np.int64)
    low = np.array([RANGES[index][0] for index in sorted(RANGES)])[roles]
    high = np.array([RANGES[index][1] for index in sorted(RANGES)])[roles]
    inside = np.where(pitches < low, low + (pitches - low) % 12, pitches)
    inside = np.where(inside >= high, high - 12 + (inside - high) % 12, inside)
    found: npt.NDArray[np.int64] = np.array([_OFFSETS[index] for index in sorted(RANGES)])[roles] + inside - low
    return found


def encode(score: Score, *, left: int = 0) -> list[int]:
    """Tokens of a score, from its metre to its last note.

    Args:
        score: at most 64 bars, in C major or A minor.
        left: bars that are to come after the score.
    """
    size = METRES[score.metre].positions
    notes, lengths = note_tokens(score.role, score.pitch), nearest_length(score.length)
    order = np.lexsort((notes, score.onset))
    found, bar, place = [FIRST_METRE + score.metre], -1, -1
    length = last = -1
    for onset, note, value in zip(
        score.onset[order].tolist(), notes[order].tolist(), lengths[order].tolist(), strict=True
    ):
        while bar < onset // size:
            bar, place = bar + 1, -1
            found.append(bar_token(score.bars - bar + left))
        if onset % size != place:
            place, length, last = onset % size, -1, -1
            found.append(FIRST_POSITION + place)
        if note == last:
            continue
        if value != length:
            length = value
            found.append(FIRST_LENGTH + length)
        last = note
        found.append(note)
    while bar < score.bars - 1:
        bar += 1
        found.append(bar_token(score.bars - bar + left))
    return found


def decode(tokens: npt.ArrayLike) -> Score:
    """The score that tokens spell: from a metre on, up to :data:`END` or the last one.

    What makes no sense where it stands is skipped, so that any tokens are a score. The score has all bars that its
    first bar token announces; a note that would sound longer is cut.
    """
    metre, first, bar, place, length = 0, 0, 0, -1, -1
    rows: list[tuple[int, int, int, int]] = []
    for token in np.asarray(tokens, np.int64).ravel().tolist():
        if token == END:
            break
        if FIRST_METRE <= token < FIRST_BAR:
            metre = token - FIRST_METRE
        elif FIRST_BAR <= token < FIRST_POSITION:
            left = token - FIRST_BAR + 1
            first = first or left
            bar, place, length = max(first - left, 0), -1, -1
        elif FIRST_POSITION <= token < FIRST_LENGTH:
            place, length = token - FIRST_POSITION, -1
        elif FIRST_LENGTH <= token < FIRST_NOTE:
            length = LENGTHS[token - FIRST_LENGTH]
        elif FIRST_NOTE <= token < VOCABULARY_SIZE and first and 0 <= place < METRES[metre].positions and length > 0:
            role = sum(token >= _OFFSETS[other] for other in (HARMONY, MELODY))
            onset = bar * METRES[metre].positions + place
            longest = first * METRES[metre].positions - onset
            rows.append((onset, min(length, longest), token - _OFFSETS[role] + RANGES[role][0], role))
    onset_, length_, pitch, role_ = np.array(rows, np.int64).reshape(-1, 4).T
    return Score.sorted(metre, first, onset=onset_, length=length_, pitch=pitch, role=role_)
