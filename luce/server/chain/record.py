"""One piece of reasoning as data: the JSON of CoT-VTM's three-step prompt (appendix A), and its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_TEXT: Final = 2000
"""Longest text of a record, in characters; the text encoder reads about half of it."""

MAX_INSTRUMENTS: Final = 8


class InvalidRecord(ValueError):
    """A record that breaks the schema; `field` names where.

    Attributes:
        field: path of the offending key, as "music_elements.genre".
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


@dataclass(frozen=True, slots=True)
class VisualElements:
    """What was extracted in the first step, in words: objects, emotions, dynamics, colours."""

    object: str
    emotion: str
    dynamic: str
    color: str


@dataclass(frozen=True, slots=True)
class MusicElements:
    """What follows for the music in the second step, in words; one to eight instruments."""

    genre: str
    instruments: tuple[str, ...]
    emotion: str
    rhythm: str


@dataclass(frozen=True, slots=True)
class Record:
    """From a description of what is seen to a description of music, with the reason of each step.

    Every text has 1 to `MAX_TEXT` characters.
    """

    image_description: str
    step1_reasoning: str
    visual_elements: VisualElements
    visual_description: str
    step2_reasoning: str
    music_elements: MusicElements
    step3_reasoning: str
    music_description: str

    @property
    def rationale(self) -> str:
        """The reasoning of all three steps as one text: what E_r embeds."""
        return f"{self.step1_reasoning} {self.step2_reasoning} {self.step3_reasoning}"

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and strings, with the keys of the schema in their order."""
        document = asdict(self)
        document["music_elements"]["instruments"] = list(self.music_elements.instruments)
        return document


def parse_record(document: object) -> Record:
    """Check a document against the schema.

    Raises:
        InvalidRecord: a key is missing or unknown, a value is of another type, empty, or too long.
    """
    top = _object(document, "record", Record)
    visual = _object(top["visual_elements"], "visual_elements", VisualElements)
    music = _object(top["music_elements"], "music_elements", MusicElements)
    texts = {
        name: _text(value, name) for name, value in top.items() if name not in ("visual_elements", "music_elements")
    }
    return Record(
        **texts,
        visual_elements=VisualElements(
            **{key: _text(value, f"visual_elements.{key}") for key, value in visual.items()}
        ),
        music_elements=MusicElements(
            genre=_text(music["genre"], "music_elements.genre"),
            instruments=_instruments(music["instruments"]),
            emotion=_text(music["emotion"], "music_elements.emotion"),
            rhythm=_text(music["rhythm"], "music_elements.rhythm"),
        ),
    )


def _object(value: object, field: str, schema: type) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRecord(field, "an object is needed")
    wanted = set(schema.__dataclass_fields__)  # type: ignore[attr-defined]
    if missing := wanted - set(value):
        raise InvalidRecord(field, f"without {', '.join(sorted(missing))}")
    if unknown := set(value) - wanted:
        raise InvalidRecord(field, f"unknown keys {', '.join(sorted(map(str, unknown)))}")
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRecord(field, "a text that is not empty is needed")
    if len(value) > MAX_TEXT:
        raise InvalidRecord(field, f"{len(value)} characters, at most {MAX_TEXT} are allowed")
    return value.strip()


def _instruments(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_INSTRUMENTS:
        raise InvalidRecord("music_elements.instruments", f"a list of 1 to {MAX_INSTRUMENTS} names is needed")
    return tuple(_text(name, "music_elements.instruments") for name in value)
