from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.vocabulary import vocabulary
from services.agents.blackboard import MAX_NOTES, Blackboard, Remark, Topic
from services.agents.roles import Brief, Choice, Finding, Kind, Outcome, Role, Severity, ValidatorAgent

CHEERFUL = Brief(valence=0.7, arousal=0.4, pace=0.2, power=0.2)
GOOD = {
    "scene": "garden",
    "time": "day",
    "weather": "clear",
    "subject": "balloon",
    "light": "bright",
    "palette": "spring",
    "style": "poster",
    "mood": "joyful",
    "motion": "flowing",
    "composition": "wide",
}


def check(brief: Brief = CHEERFUL, given: tuple[str, ...] = (), **changed: Any) -> list[Finding]:
    choices = {kind: Choice(kind, name) for kind, name in GOOD.items()}
    for kind, value in changed.items():
        choices[kind] = value if isinstance(value, Choice) else Choice(kind, value)
    named = {kind: choices[kind].name for kind in given}
    return ValidatorAgent().check(2, choices, brief, named)


def said(kind: str, words: str) -> Choice:
    return Choice(kind, GOOD[kind], words)


def test_what_goes_together_has_no_findings() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("changed", "attribute", "kind"),
    [
        ({"light": "moonlight"}, "light", Kind.CONTRADICTION),
        ({"subject": "boat"}, "subject", Kind.CONTRADICTION),
        ({"weather": "snow"}, "weather", Kind.CONTRADICTION),
        ({"weather": "storm", "motion": "resting"}, "motion", Kind.CONTRADICTION),
        ({"mood": "furious"}, "mood", Kind.EMOTION_MISMATCH),
        ({"palette": "blood"}, "palette", Kind.EMOTION_MISMATCH),
        ({"scene": said("scene", "garden\nignore this")}, "scene", Kind.FORMAT),
        ({"scene": said("scene", "(garden:1.5)")}, "scene", Kind.FORMAT),
        ({"scene": said("scene", "one two three four five six seven eight nine")}, "scene", Kind.FORMAT),
        ({"scene": said("scene", "x" * 61)}, "scene", Kind.FORMAT),
        ({"scene": said("scene", ".,-")}, "scene", Kind.FORMAT),
        ({"scene": said("scene", "garden of corpses")}, "scene", Kind.UNSAFE_CONTENT),
        ({"light": said("light", "pale moonlight")}, "light", Kind.CONTRADICTION),
        ({"scene": said("scene", "garden at night")}, "scene", Kind.CONTRADICTION),
    ],
)
def test_each_kind_of_fault_is_found_on_its_attribute(changed: dict[str, Any], attribute: str, kind: Kind) -> None:
    found = [one for one in check(**changed) if one.attribute == attribute]
    assert kind in {one.kind for one in found}
    assert all((one.picture, one.severity, one.outcome) == (2, Severity.ERROR, Outcome.KEPT) for one in found)
    assert all(one.message for one in found)


def test_a_suggestion_would_do() -> None:
    (finding,) = check(light="moonlight")
    name = next(e.name for e in vocabulary().entries("light").values() if e.phrases[0] == finding.suggestion)
    assert check(light=name) == []
    (finding,) = [one for one in check(mood="furious") if one.kind is Kind.EMOTION_MISMATCH]
    name = next(e.name for e in vocabulary().entries("mood").values() if e.phrases[0] == finding.suggestion)
    assert check(mood=name) == []


def test_what_a_person_asked_for_is_only_warned_of_and_the_other_gives_way() -> None:
    found = check(given=("light",), light="moonlight", time="day")
    assert {(one.attribute, one.severity) for one in found} == {("light", Severity.WARNING)}
    found = check(given=("motion",), weather="storm", motion="resting", light="dramatic", palette="fire")
    yields = [one for one in found if one.kind is Kind.CONTRADICTION]
    assert [(one.attribute, one.severity) for one in yields] == [("weather", Severity.ERROR)]


def test_of_silence_no_emotion_is_out_of_line() -> None:
    silence = Brief(valence=0.0, arousal=-1.0, pace=-1.0, power=-1.0, silent=True)
    assert not [one for one in check(silence) if one.kind is Kind.EMOTION_MISMATCH]


def test_prompts_are_compared_with_those_before_them_without_the_persons_words() -> None:
    validator = ValidatorAgent()
    prompts = ["a red boat on a calm lake", "a calm lake, red boat, dusk", "storm over cliffs"]
    (finding,) = validator.check_prompts(prompts)
    assert (finding.kind, finding.picture) == (Kind.REDUNDANCY, 2)
    assert "prompt 1" in finding.message
    same = [f"my very own words about lakes and boats, {rest}" for rest in ("dawn, blue", "storm, red")]
    assert validator.check_prompts(same, "my very own words about lakes and boats") == []
    assert [one.kind for one in validator.check_prompts(["word " * 61])] == [Kind.FORMAT]
    assert [one.kind for one in validator.check_prompts(["a massacre"])] == [Kind.UNSAFE_CONTENT]
    assert validator.check_prompts(["a massacre, blue"], "a massacre") == []


@given(st.text(max_size=80))
def test_no_words_break_it(words: str) -> None:
    for kind in GOOD:
        changed: dict[str, Any] = {kind: said(kind, words)}
        check(**changed)
    ValidatorAgent().check_text(words)
    ValidatorAgent().check_prompts([words, words], words)


# The blackboard.


def test_the_blackboard_keeps_every_note_in_order_and_tells_the_latest_choice() -> None:
    board = Blackboard()
    board.post(Role.VERB, Choice("motion", "resting"), picture=1)
    board.post(Role.VERB, Choice("motion", "raging"), picture=1, evidence=["it is loud"])
    board.post(Role.VERB, Choice("motion", "flowing"), picture=2)
    board.post(Role.VERB, Remark(Topic.MIND, "by rules"))
    assert [note.picture for note in board.notes] == [1, 1, 2, 0]
    assert board.choices(1) == {"motion": Choice("motion", "raging")}
    assert board.notes[1].evidence == ("it is loud",)
    with pytest.raises(AttributeError):
        board.notes[0].picture = 3  # type: ignore[misc]


def test_a_finding_is_told_as_it_ended() -> None:
    board = Blackboard()
    finding = Finding(Kind.FORMAT, Severity.ERROR, "light", 1, "too long")
    board.post(Role.VALIDATOR, finding.ended(Outcome.REPAIRED), picture=1)
    assert [one.outcome for one in board.findings()] == [Outcome.REPAIRED]
    assert finding.ended(Outcome.DROPPED, "still too long").message == "too long; still too long"


def test_a_blackboard_that_is_full_is_a_defect() -> None:
    board = Blackboard()
    for _ in range(MAX_NOTES):
        board.post(Role.VERB, Remark(Topic.MIND, "again"))
    with pytest.raises(RuntimeError, match=str(MAX_NOTES)):
        board.post(Role.VERB, Remark(Topic.MIND, "again"))
