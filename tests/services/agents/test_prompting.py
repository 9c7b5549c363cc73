from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.measures.text import words
from luce.server.vocabulary import KINDS, lexicon, vocabulary
from services.agents.phrasing import Phrasing, phrasings
from services.agents.roles import Brief, Choice, PromptAgent, Said, negative_text, predicted_emotion

NAMES = {kind: st.sampled_from(list(vocabulary().entries(kind))) for kind in KINDS}
DRAFTS = st.fixed_dictionaries(NAMES).map(lambda names: {kind: Choice(kind, name) for kind, name in names.items()})
SOMETHING = st.fixed_dictionaries({}, optional=NAMES).map(
    lambda n: {kind: Choice(kind, name) for kind, name in n.items()}
)


def brief(arousal: float = 0.0) -> Brief:
    return Brief(valence=0.0, arousal=arousal, pace=arousal, power=arousal)


@settings(max_examples=40)
@given(DRAFTS, st.integers(0, 2**32), st.floats(-1, 1))
def test_every_attribute_is_said_once_in_words_of_the_lexicon(
    draft: dict[str, Choice], seed: int, arousal: float
) -> None:
    worded, _ = PromptAgent().write(draft, brief(arousal), Said(), random.Random(seed))
    for kind, choice in draft.items():
        assert worded.said[kind] in lexicon().wording(kind, choice.name).words
        assert worded.said[kind] in worded.text
    assert worded.said["texture"] in lexicon().wording("style", draft["style"].name).texture


@settings(max_examples=40)
@given(SOMETHING, st.integers(0, 2**32))
def test_what_is_missing_leaves_no_gap(draft: dict[str, Choice], seed: int) -> None:
    text = PromptAgent().write(draft, brief(), Said(), random.Random(seed))[0].text
    assert not set(",. ") & {text[:1], text[-1:]} - {""}
    assert ", ," not in text
    assert "  " not in text
    assert (text == "") == (not draft)


def test_words_of_their_authors_are_kept() -> None:
    draft = {"scene": Choice("scene", "sea", "boiling brine"), "style": Choice("style", "ink", "splashed sumi ink")}
    worded, _ = PromptAgent().write(draft, brief(), Said(), random.Random(0))
    assert "boiling brine" in worded.text
    assert "splashed sumi ink" in worded.text
    assert "texture" not in worded.said


def test_what_was_said_is_said_otherwise() -> None:
    draft = {"mood": Choice("mood", "tense"), "palette": Choice("palette", "fire")}
    said, seen = Said(), set()
    for seed in range(4):
        worded, _ = PromptAgent().write(draft, brief(), said, random.Random(seed))
        said.add(worded.text)
        seen.add(worded.said["mood"])
    assert seen == set(lexicon().wording("mood", "tense").words)


def test_calm_and_driven_music_is_phrased_otherwise() -> None:
    draft = {kind: Choice(kind, next(iter(vocabulary().entries(kind)))) for kind in KINDS}
    used = {
        arousal: [PromptAgent().write(draft, brief(arousal), Said(), random.Random(s))[1].arousal for s in range(30)]
        for arousal in (-0.9, 0.9)
    }
    assert sum(used[0.9]) / 30 > sum(used[-0.9]) / 30 + 0.4


def test_a_phrasing_comes_again_only_when_all_are_taken() -> None:
    taken: list[Phrasing] = []
    for seed in range(len(phrasings().whole)):
        taken.append(PromptAgent().write({}, brief(), Said(), random.Random(seed), taken=taken)[1])
    assert len(set(taken)) == len(phrasings().whole) >= 8
    PromptAgent().write({}, brief(), Said(), random.Random(0), taken=taken)


@pytest.mark.parametrize("phrasing", [*phrasings().whole, *phrasings().added])
def test_phrasings_say_every_attribute_and_add_few_words(phrasing: Phrasing) -> None:
    expected = {*KINDS, "texture"} - (set() if phrasing in phrasings().whole else {"scene", "subject"})
    assert set(phrasing.order) == expected
    assert len(phrasing.little_words()) <= 1


def test_after_a_persons_words_nothing_is_shown_that_they_did_not_ask_for() -> None:
    draft = {kind: Choice(kind, next(iter(vocabulary().entries(kind)))) for kind in KINDS}
    worded, _ = PromptAgent().write(
        draft, brief(), Said(), random.Random(0), text="a dancer.", named={"style": "photo"}
    )
    assert worded.text.startswith("a dancer, ")
    assert not {"scene", "subject", "style"} & set(worded.said)


@given(SOMETHING)
def test_a_foretold_emotion_is_the_sum_of_what_its_words_were_measured_to_do(draft: dict[str, Choice]) -> None:
    felt = predicted_emotion(draft)
    if felt is None:
        assert not draft
        return
    added = [lexicon().wording(kind, choice.name).seen for kind, choice in draft.items()]
    assert felt.valence == pytest.approx(lexicon().seen[0] + sum(valence for valence, _ in added))
    assert felt.arousal == pytest.approx(lexicon().seen[1] + sum(arousal for _, arousal in added))


def test_the_opposite_mood_is_to_be_avoided_where_something_is_felt() -> None:
    assert words(negative_text(0.8, 0.4, {}))[-1] == "mood"
    assert negative_text(0.1, -0.2, {}) == ""
    assert negative_text(0.8, 0.4, {"mood": "joyful"}) == ""
