"""Schemas of the answers: names from the vocabulary, words of the model's own."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, create_model

from luce.server.vocabulary import vocabulary
from services.agents.roles import Choice

NOBODY: Final = "nobody"
_LONGEST_REASONING: Final = 4000
_LONGEST_WORDS: Final = 400
_LONGEST_PROMPT: Final = 2000


def _at_most(characters: int) -> AfterValidator:
    """A bound that is checked here and not told in the schema: strict decoders do not know `maxLength`."""

    def check(value: str) -> str:
        if len(value) > characters:
            raise ValueError(f"more than {characters} characters")
        return value

    return AfterValidator(check)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Prompts(_Strict):
    """What the prompt agent, or the single agent, answers."""

    reasoning: Annotated[str, _at_most(_LONGEST_REASONING)]
    prompts: list[Annotated[str, _at_most(_LONGEST_PROMPT)]]


@lru_cache(maxsize=32)
def options_schema(role: str, kinds: tuple[str, ...], optional: frozenset[str]) -> type[BaseModel]:
    """The answer of an agent that chooses attributes: `reasoning`, and `options` with names and words of each kind."""
    fields: dict[str, Any] = {}
    for kind in kinds:
        names = (*vocabulary().entries(kind), *((NOBODY,) if kind in optional else ()))
        attribute = create_model(
            f"{kind.capitalize()}Attribute",
            __base__=_Strict,
            name=(Literal[names], ...),  # type: ignore[arg-type]
            words=(Annotated[str, _at_most(_LONGEST_WORDS)], ...),
        )
        fields[kind] = (attribute, ...)
    option = create_model(f"{role.capitalize()}Option", __base__=_Strict, **fields)
    return create_model(
        f"{role.capitalize()}Answer",
        __base__=_Strict,
        reasoning=(Annotated[str, _at_most(_LONGEST_REASONING)], ...),
        options=(list[option], ...),
    )


def choices_of(option: BaseModel, kinds: tuple[str, ...], reasons: tuple[str, ...]) -> dict[str, Choice]:
    """The choices of one option, by kind."""
    chosen = {}
    for kind in kinds:
        attribute = getattr(option, kind)
        if attribute.name != NOBODY:
            # Outer spaces and final stops are no fault worth a repair.
            chosen[kind] = Choice(kind, attribute.name, " ".join(attribute.words.split()).strip(" .,;"), reasons)
    return chosen
