from __future__ import annotations

import pytest

from luce.server.measures.text import words
from luce.server.vocabulary import KINDS, lexicon, vocabulary


def test_every_entry_of_the_vocabulary_has_words_and_they_are_short_and_differ() -> None:
    for kind in KINDS:
        assert list(lexicon().table[kind]) == list(vocabulary().entries(kind))
        for wording in lexicon().table[kind].values():
            assert 1 <= len(wording.words) == len(set(wording.words))
            assert all(len(words(word)) <= 6 and word.isprintable() for word in wording.words)


def test_no_words_stand_for_two_entries() -> None:
    said = [word for kind in KINDS for wording in lexicon().table[kind].values() for word in wording.words]
    assert len(said) == len(set(said))


def test_every_place_and_style_is_called_for_by_some_music_and_every_style_has_textures() -> None:
    for kind in ("scene", "style", "subject"):
        assert all(wording.cues for wording in lexicon().table[kind].values())
    assert all(len(wording.texture) >= 2 for wording in lexicon().table["style"].values())
    assert all(wording.stands_for for wording in lexicon().table["subject"].values())


def test_each_kind_has_a_default_but_subjects() -> None:
    for kind in KINDS:
        default = lexicon().default(kind)
        assert (default is None) == (kind == "subject")


def test_what_was_measured_of_colours_is_in_the_order_that_eyes_expect() -> None:
    palette, time = lexicon().table["palette"], lexicon().table["time"]
    assert palette["amber"].warmth > palette["sepia"].warmth > palette["grey"].warmth > palette["ocean"].warmth
    assert palette["candy"].brightness > palette["midnight"].brightness
    assert time["day"].brightness > time["twilight"].brightness > time["night"].brightness
    assert time["sunset"].warmth == max(one.warmth for one in time.values())


def test_what_was_seen_of_words_is_small_and_of_colours_and_moods_as_they_mean_it() -> None:
    assert all(
        max(abs(added) for added in wording.seen) <= 0.25
        for kind in KINDS
        for wording in lexicon().table[kind].values()
    )
    palette, mood = lexicon().table["palette"], lexicon().table["mood"]
    assert palette["spring"].seen[0] > palette["natural"].seen[0] > palette["midnight"].seen[0]
    assert palette["neon"].seen[1] > palette["earth"].seen[1] > palette["ice"].seen[1]
    assert mood["joyful"].seen[0] > mood["desolate"].seen[0]
    assert mood["joyful"].seen[1] > mood["serene"].seen[1]


def test_contradictions_name_entries_of_two_kinds_and_come_once() -> None:
    pairs = [frozenset((pair.one, pair.other)) for pair in lexicon().contradictions]
    assert len(pairs) == len(set(pairs))
    assert all(pair.one[0] != pair.other[0] and pair.why for pair in lexicon().contradictions)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a NUDE figure", ("sexual", "nude")),
        ("gory fields", ("violence", "gory")),
        ("the denuded hills of Gorey", None),
        ("", None),
    ],
)
def test_unsafe_words_are_found_as_whole_words(text: str, found: tuple[str, str] | None) -> None:
    assert lexicon().unsafe_in(text) == found


def test_no_wording_is_unsafe() -> None:
    for kind in KINDS:
        for wording in lexicon().table[kind].values():
            assert all(lexicon().unsafe_in(word) is None for word in (*wording.words, *wording.texture))


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="watercolor"):
        lexicon().wording("style", "fresco")
