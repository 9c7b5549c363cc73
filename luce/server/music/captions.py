"""How ``music_captioner`` is asked: what a caption is about, and its length, are the two tokens of its prefix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: What a caption may be about.
TOPICS = ("whole", "instruments", "style", "mood")
#: Lengths, in tokens at most; a token is about a word.
LENGTHS = (20, 50, 70)

#: Token numbers of padding, start, end and unknown; the topics and lengths follow, in their order.
PAD, START, END, UNKNOWN = range(4)
FIRST_TOPIC = 4
FIRST_LENGTH = FIRST_TOPIC + len(TOPICS)
#: Number of the first token that is a word.
FIRST_WORD = FIRST_LENGTH + len(LENGTHS)


def prefix(topic: str, length: int) -> npt.NDArray[np.int32]:
    """The prefix (2,) int32 of a request.

    Args:
        topic: one of `TOPICS`.
        length: one of `LENGTHS`.

    Raises ValueError for others.
    """
    if topic not in TOPICS or length not in LENGTHS:
        raise ValueError(
            f"a caption is about one of {TOPICS}, in one of the lengths {LENGTHS}, not {topic!r}, {length}"
        )
    return np.array([FIRST_TOPIC + TOPICS.index(topic), FIRST_LENGTH + LENGTHS.index(length)], np.int32)
