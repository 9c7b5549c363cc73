"""Attributes to words: several paraphrases of one picture, the same in training captions and serving prompts."""

from __future__ import annotations

import random
from collections.abc import Callable

from luce.server.vocabulary.attributes import Attributes

OPTIONAL = ("time", "weather", "light", "style", "palette", "composition", "motion", "subject", "mood")
"""Parts a caption may leave out; the scene is always said."""

Said = Callable[[str], str]


def compose_prompt(attributes: Attributes, rng: random.Random, *, keep: float = 1.0) -> str:
    """One wording of a picture, under 64 MiniLM word pieces.

    Args:
        attributes: what to say.
        rng: chooses the template and the synonyms; the same state gives the same words.
        keep: probability of saying each part named in `OPTIONAL`, in [0, 1]. Serving says everything (1.0);
            training leaves parts out, so that the model also understands a person's short prompt.

    Raises:
        ValueError: if `keep` is outside [0, 1].
    """
    if not 0.0 <= keep <= 1.0:
        raise ValueError(f"keep: {keep} is outside [0, 1]")
    said: dict[str, str] = {"mood": ""}
    for entry in attributes.chosen():
        phrase = rng.choice(entry.phrases)
        if entry.kind == "mood":
            said["mood"] = f"{said['mood']} and {phrase}" if said["mood"] else phrase
        else:
            said[entry.kind] = phrase
    for kind in OPTIONAL:
        if rng.random() >= keep:
            said.pop(kind, None)
    template = rng.choice(_TEMPLATES)
    return template(lambda kind: said.get(kind, ""))


def _join(*parts: str) -> str:
    """Comma-separated, empty parts left out."""
    return ", ".join(part for part in parts if part)


def _words(*parts: str) -> str:
    """Space-separated, empty parts left out."""
    return " ".join(part for part in parts if part)


def _with(said: Said) -> str:
    return f"with {said('subject')}" if said("subject") else ""


def _medium_first(said: Said) -> str:
    medium = f"{said('style')} of" if said("style") else ""
    head = _words(medium, said("mood"), said("scene"), _with(said), said("time"))
    return _join(head, said("weather"), said("light"), said("palette"), said("composition"), said("motion"))


def _scene_first(said: Said) -> str:
    head = _words(said("mood"), said("scene"), said("time"), said("weather"))
    return _join(
        head, said("subject"), said("light"), said("palette"), said("motion"), said("composition"), said("style")
    )


def _list(said: Said) -> str:
    mood = f"{said('mood')} mood" if said("mood") else ""
    return _join(
        _words(said("scene"), _with(said)),
        said("time"),
        said("weather"),
        said("light"),
        said("style"),
        said("palette"),
        mood,
        said("motion"),
        said("composition"),
    )


def _mood_first(said: Said) -> str:
    mood = f"{said('mood')} atmosphere" if said("mood") else ""
    subject = f"{said('subject')} and" if said("subject") else ""
    head = _words(subject, said("scene"), said("time"))
    return _join(
        mood,
        head,
        said("motion"),
        said("weather"),
        said("palette"),
        said("light"),
        said("composition"),
        said("style"),
    )


_TEMPLATES: tuple[Callable[[Said], str], ...] = (_medium_first, _scene_first, _list, _mood_first)
