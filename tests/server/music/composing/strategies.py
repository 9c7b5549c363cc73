"""Any score that the tokens can spell."""

from __future__ import annotations

from hypothesis import strategies as st

from luce.server.music.composing.score import METRES, Score
from luce.server.music.composing.tokens import LENGTHS, RANGES


@st.composite
def scores(draw: st.DrawFn, most_bars: int = 8) -> Score:
    """In range, on the grid, no note twice, none beyond the end."""
    metre = draw(st.integers(0, len(METRES) - 1))
    bars = draw(st.integers(1, most_bars))
    end = bars * METRES[metre].positions
    role = st.integers(0, 2)
    rows = draw(
        st.dictionaries(
            st.tuples(st.integers(0, end - 1), role, st.floats(0, 1, exclude_max=True)),
            st.sampled_from(LENGTHS),
            max_size=40,
        )
    )
    notes: dict[tuple[int, int, int], int] = {}
    for (onset, part, height), length in rows.items():
        low, high = RANGES[part]
        notes[onset, part, low + int(height * (high - low))] = min(length, max(n for n in LENGTHS if n <= end - onset))
    return Score.sorted(
        metre,
        bars,
        onset=[key[0] for key in notes],
        length=list(notes.values()),
        pitch=[key[2] for key in notes],
        role=[key[1] for key in notes],
    )
