"""The labels: every entry of the file is usable, and what is heard is told in order."""

from __future__ import annotations

import numpy as np
import pytest

from luce.server.music import captions
from luce.server.music.tags import DIMENSIONS, tags


def test_every_dimension_has_labels_and_every_label_a_threshold() -> None:
    assert {tag.dimension for tag in tags().entries} == set(DIMENSIONS)
    assert ((tags().thresholds > 0) & (tags().thresholds < 1)).all()
    assert sorted(column for name in DIMENSIONS for column in tags().columns(name)) == list(range(len(tags().entries)))


def test_labels_at_their_thresholds_are_heard_the_likeliest_first() -> None:
    row = np.zeros(len(tags().entries), np.float32)
    for name, value in (("flute", 0.97), ("piano", 0.99), ("rock", 0.98)):
        row[tags().index(name)] = value
    organ = tags().index("organ")
    row[organ] = tags().thresholds[organ] - 0.01
    assert [tag.name for tag, _ in tags().heard(row, "instruments")] == ["piano", "flute"]
    assert [tag.name for tag, _ in tags().heard(row, "moods")] == []


def test_a_wrong_row_or_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        tags().heard(np.zeros(3, np.float32), "instruments")
    with pytest.raises(ValueError, match="unknown dimension"):
        tags().columns("colours")


def test_every_topic_and_length_of_a_caption_has_a_prefix_of_its_own() -> None:
    found = {tuple(captions.prefix(topic, length)) for topic in captions.TOPICS for length in captions.LENGTHS}
    assert len(found) == len(captions.TOPICS) * len(captions.LENGTHS)
    assert all(captions.FIRST_TOPIC <= number < captions.FIRST_WORD for pair in found for number in pair)
    with pytest.raises(ValueError, match="lengths"):
        captions.prefix("whole", 30)
