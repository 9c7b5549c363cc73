from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.measures import category_entropy, content_words, copy_rate, distinct, jaccard, retention, words

TEXTS = st.lists(st.text(alphabet="ab c", max_size=20), max_size=5)


def test_words_are_lower_case_runs_of_letters_and_digits() -> None:
    assert words("A Sea's   edge -- at 5pm, été_bleu!") == ["a", "sea's", "edge", "at", "5pm", "été", "bleu"]


def test_content_words_leave_function_words_out() -> None:
    assert content_words("The sea and the sky, at dusk") == {"sea", "sky", "dusk"}


def test_distinct_counts_different_n_grams_over_the_whole_set() -> None:
    # 3 + 3 words, "the" and "sea" twice: 4 of 6. Pairs: the-sea twice, sea-sleeps, sea-wakes: 3 of 4.
    texts = ["the sea sleeps", "The sea wakes"]
    assert distinct(texts, 1) == pytest.approx(4 / 6)
    assert distinct(texts, 2) == pytest.approx(3 / 4)


def test_an_n_gram_does_not_span_two_texts() -> None:
    assert distinct(["a b", "b a"], 2) == 1.0
    assert distinct(["a", "b"], 2) == 0.0


def test_distinct_of_nothing_is_none_and_needs_a_length() -> None:
    assert distinct([], 1) == 0.0
    with pytest.raises(ValueError, match="at least 1"):
        distinct(["a"], 0)


@given(TEXTS, st.integers(1, 3))
def test_repeating_a_set_never_makes_it_more_distinct(texts: list[str], n: int) -> None:
    once = distinct(texts, n)
    assert 0.0 <= once <= 1.0
    assert distinct(texts * 2, n) == pytest.approx(once / 2)


def test_entropy_is_in_nats() -> None:
    assert category_entropy(["oil", "oil", "ink", "ink"]) == pytest.approx(math.log(2))
    assert category_entropy(["oil"] * 9) == 0.0
    assert category_entropy([]) == 0.0
    assert category_entropy("aaab") == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


@given(st.lists(st.sampled_from("abcdefg"), min_size=1))
def test_entropy_is_at_most_that_of_a_fair_choice(chosen: list[str]) -> None:
    assert -1e-12 <= category_entropy(chosen) <= math.log(len(set(chosen))) + 1e-12


def test_jaccard_is_the_share_of_common_content_words() -> None:
    # sea, storm against sea, calm, blue: 1 of 4.
    assert jaccard("a storm at sea", "the calm blue sea") == pytest.approx(1 / 4)
    assert jaccard("of the", "and a") == 1.0
    assert jaccard("sea", "") == 0.0


@given(st.text(alphabet="abc "), st.text(alphabet="abc "))
def test_jaccard_is_symmetric_and_one_with_itself(one: str, other: str) -> None:
    assert jaccard(one, other) == jaccard(other, one)
    assert jaccard(one, one) == 1.0


def test_retention_is_the_share_of_the_agents_words_in_the_prompt() -> None:
    # warm, colors, golden, light, surging: four of five are there.
    assert retention("Golden light on a sea in warm colors", ["warm colors", "golden light", "surging"]) == 0.8
    assert retention("anything", []) == 1.0


def test_copy_rate_is_the_share_of_n_grams_taken_over_word_for_word() -> None:
    caption = "a slow piano piece in a minor key"
    # Of the three 4-grams one stands in the caption.
    assert copy_rate("slow piano piece in winter woods", caption) == pytest.approx(1 / 3)
    assert copy_rate(caption, caption) == 1.0
    assert copy_rate("piano piece", caption) == 0.0
    assert copy_rate("piano piece", caption, n=2) == 1.0
