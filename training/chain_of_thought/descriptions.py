"""Visual descriptions to reason about: from templates, from captions, from pictures whose feeling people rated.

CoT-VTM takes a quarter each of its texts from image and video captions, about as many from emotion-labelled images
(EmoSet), and as many written by a language model along templates (appendix B). Here flickr8k's captions, OASIS and the
templates take these places; pictures that image_encoder never trains on are held out here too.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from luce.emotion import Emotion
from luce.server.chain import Sighting, read, tones_of
from luce.server.chain.impression import Impression
from luce.server.chain.music import emotion_words
from training.image_encoder import pictures

VARIABLES = Path(__file__).with_name("variables.toml")
TEMPLATE_HELD_OUT = 0.1
"""Share of the made-up descriptions that is never trained on."""


@dataclass(frozen=True)
class Description:
    """One text to think about.

    Attributes:
        source: "templates", "flickr8k" or "oasis".
        key: of the picture within its source, or of the draw.
        impression: what it says; its emotion is the rated one where people rated the picture.
        held_out: never trained on.
    """

    source: str
    key: str
    impression: Impression
    held_out: bool


def from_templates(count: int, seed: int = 0) -> Iterator[Description]:
    """Made-up descriptions of one to four sentences; the same seed makes the same ones."""
    for index in range(count):
        rng = random.Random(f"description {seed} {index}")
        text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", rng.choice(_TEMPLATES)(_Variables(rng)))
        held_out = pictures.fraction(text) < TEMPLATE_HELD_OUT
        yield Description("templates", str(index), read(text), held_out)


def from_captions(data: Path, most: int = 5) -> Iterator[Description]:
    """Flickr8k's captions, each by itself; at most so many of a photograph."""
    for known in pictures.flickr8k(data):
        for place, caption in enumerate(known.texts[:most]):
            yield Description("flickr8k", f"{known.name}#{place}", read(caption), known.held_out)


def from_rated_pictures(data: Path) -> Iterator[Description]:
    """OASIS: what the picture shows and how it felt to those who rated it, in words, and the tones of its pixels."""
    for known in pictures.oasis(data):
        if known.emotion is None:
            continue
        emotion = Emotion(*known.emotion)
        tones = tones_of(known.open()[::4, ::4])
        moods = " and ".join(emotion_words(emotion))
        colours = " and ".join(tone.phrase for tone in tones[:2])
        shown = known.texts[0]
        text = f"A picture of {shown}. It feels {moods}, in {colours}."
        said = read(f"{shown}, {colours}")
        sightings = said.sightings or tuple(Sighting(tone, 0.5) for tone in tones)
        motion = 0.5 * said.motion + 0.5 * emotion.arousal
        yield Description("oasis", known.name, Impression(emotion, sightings, text, motion), known.held_out)


class _Variables:
    """Draws from the lists; one mood for the whole description."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lists = _lists()
        self._mood = self._lists["mood"][rng.choice(sorted(self._lists["mood"]))]

    def __call__(self, name: str) -> str:
        found = self._mood.get(name) or self._lists[name]
        return str(self._rng.choice(found))

    def maybe(self, sentence: str, chance: float = 0.5) -> str:
        """The sentence, or nothing."""
        return f" {sentence}" if self._rng.random() < chance else ""

    @property
    def place(self) -> str:
        """Somewhere."""
        return self(self._rng.choice(("natural", "urban", "indoor")))


@lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    return tomllib.loads(VARIABLES.read_text(encoding="utf-8"))


def _wide_view(var: _Variables) -> str:
    place = var("natural")
    return f"{_capital(place)} {var('time')}.{var.maybe(var('weather'))} The whole is in {var('tonality')}."


def _season(var: _Variables) -> str:
    return (
        f"{_capital(var('natural'))} in {var('season')}, with {var('animal')} moving through it."
        f"{var.maybe('There are ' + var('object') + '.')}{var.maybe('The mood is ' + var('atmosphere') + '.')}"
    )


def _someone(var: _Variables) -> str:
    return (
        f"{_capital(var('character'))} {var('behaviour')} in {var.place} {var('time')}."
        f"{var.maybe(var('weather'))}{var.maybe('The scene is ' + var('atmosphere') + '.')}"
    )


def _mood_of_a_place(var: _Variables) -> str:
    return f"A {var('atmosphere')} scene of {var.place} {var('time')}, in {var('tonality')}.{var.maybe(var('weather'))}"


def _street(var: _Variables) -> str:
    return (
        f"{_capital(var('urban'))} during {var('holiday')}. {_capital(var('character'))} {var('behaviour')}."
        f"{var.maybe('Everything glows in ' + var('tonality') + '.')}"
    )


def _inside(var: _Variables) -> str:
    return (
        f"Inside {var('indoor')} {var('time')}, {var('character')} {var('behaviour')}."
        f"{var.maybe('The light falls in ' + var('tonality') + '.')}{var.maybe('It is ' + var('atmosphere') + '.')}"
    )


def _animals(var: _Variables) -> str:
    return f"{_capital(var('animal'))} near {var('object')} in {var('natural')}.{var.maybe(var('weather'))}"


def _artwork(var: _Variables) -> str:
    season = var.maybe(f"It is {var('season')}.")
    return f"A {var('atmosphere')} painting of {var.place} in {var('tonality')}.{season}"


def _close_up(var: _Variables) -> str:
    return f"{_capital(var('object'))} {var('time')}, {var('atmosphere')}.{var.maybe(var('weather'))}"


_TEMPLATES: tuple[Callable[[_Variables], str], ...] = (
    _wide_view,
    _season,
    _someone,
    _someone,
    _mood_of_a_place,
    _mood_of_a_place,
    _street,
    _inside,
    _animals,
    _artwork,
    _close_up,
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def unknown_variables() -> list[str]:
    """Variables of which the lexicon understands nothing; there should be none."""
    lists = _lists()
    flat = [text for name, values in lists.items() if isinstance(values, list) for text in values]
    flat += [text for mood in lists["mood"].values() for values in mood.values() for text in values]
    return [text for text in flat if not read(text).sightings]
