"""Captions composed of what is known of a clip, and of nothing else, in many wordings."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from luce.server.music.tags import tags
from training.music_captioner import wording

#: Wordings of a first sentence that are tried before one that is too long is taken.
_TRIES = 16
#: Share of the further sentences that are said. Their order is fixed, so that a reader knows what is still to come.
_SAID = 0.8


@dataclass(frozen=True)
class Claims:
    """What may be said of a clip: names of labels.

    Attributes:
        instruments: heard.
        absent: of "drums", "singing", those known not to be heard.
        styles: of the piece.
        moods: of the piece, in the order of the labels.
        tempo: "slow", "moderate", "fast" or unknown.
        singing: whether somebody sings.
        other: what it is where it is not music: "speech", "noise", "tone", "click" or "silence".
        complete: whether the instruments are all there are.
    """

    instruments: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    tempo: str | None = None
    singing: bool = False
    other: str | None = None
    complete: bool = True


def claims(values: Mapping[str, float], *, complete: bool, sure: float = 0.5) -> Claims:
    """Claims from labels by name (NaN or missing: unknown): said from ``sure`` up, denied at 0.05 and below."""
    by_dimension: dict[str, list[str]] = {}
    for tag in tags().entries:
        if values.get(tag.name, float("nan")) >= sure:
            by_dimension.setdefault(tag.dimension, []).append(tag.name)
    other = [name for name in by_dimension.get("sound", []) if name != "music"]
    if other and values.get("music", 1.0) < sure:
        return Claims(other=other[0])
    tempo = by_dimension.get("tempo", [None])
    moods = _agreeing(sorted(by_dimension.get("moods", []), key=lambda name: -values[name]))
    return Claims(
        instruments=tuple(by_dimension.get("instruments", ())),
        absent=tuple(name for name in ("drums", "singing") if values.get(name, 1.0) <= 0.05),
        styles=tuple(by_dimension.get("styles", ())),
        moods=tuple(moods),
        tempo=tempo[0],
        singing="singing" in by_dimension.get("voice", ()),
        complete=complete,
    )


def _agreeing(moods: Sequence[str]) -> list[str]:
    """The three strongest that do not contradict a stronger one, in the order of the labels."""
    kept: list[str] = []
    for mood in moods:
        if not any({mood, other} in wording.CONTRARY for other in kept):
            kept.append(mood)
    return [name for name in tags().names if name in kept[:3]]


def count_words(text: str) -> int:
    """Words of a text."""
    return len(text.split())


def compose(
    known: Claims, topic: str, limit: int, pick: random.Random, measure: Callable[[str], int] = count_words
) -> str:
    """A caption: whole sentences up to the limit, and the first one in any case.

    Args:
        known: what may be said.
        topic: "whole", "instruments", "style" or "mood".
        limit: in the unit of ``measure``.
        pick: of all choices.
        measure: length of a sentence.
    """
    if known.other is not None:
        sentences, limit = pick.sample(wording.OTHER[known.other], 2), min(limit, 30)
    else:
        makers = {"whole": _whole, "instruments": _instruments, "style": _style, "mood": _mood}
        sentences = makers[topic](known, limit, pick)
        for _ in range(_TRIES):
            if measure(sentences[0]) <= limit:
                break
            sentences = makers[topic](known, limit, pick)
    text, used = sentences[0], measure(sentences[0])
    for sentence in sentences[1:]:
        length = measure(sentence)
        if used + length <= limit:
            text, used = f"{text} {sentence}", used + length
    return text


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _article(text: str) -> str:
    return ("an " if text[0] in "aeiou" else "a ") + text


def _named(known: Claims, pick: random.Random, most: int = 5) -> str:
    """The instruments as a list in the order of the labels, so that a reader of it knows what is still to come."""
    names = list(known.instruments)
    voice = ["a singing voice"] if known.singing else []
    return _listed([pick.choice(wording.INSTRUMENTS[name]) for name in names[:most]] + voice)


def _adjectives(known: Claims, pick: random.Random, most: int) -> list[str]:
    plain = [mood for mood in known.moods if mood != "wondrous"]
    return [pick.choice(wording.MOODS[mood]) for mood in plain[:most]]


def _piece(known: Claims, pick: random.Random, moods: int) -> str:
    """Adjectives, style and noun: "slow, melancholic classical piece"."""
    front: list[str] = []
    if known.tempo is not None and pick.random() < 0.6:
        front.append(pick.choice(wording.TEMPOS[known.tempo]))
    front += _adjectives(known, pick, moods)
    style = pick.choice(wording.STYLES[_main_style(known)]) if known.styles else ""
    noun = "song" if known.singing and pick.random() < 0.6 else pick.choice(wording.PIECES)
    return " ".join(part for part in (", ".join(front), style, noun) if part)


def _main_style(known: Claims) -> str:
    """The narrowest: baroque and romantic music is classical too."""
    narrow = [style for style in known.styles if style in ("baroque", "romantic")]
    return (narrow or list(known.styles))[0]


def _opening(known: Claims, words: int, pick: random.Random) -> str:
    piece = _piece(known, pick, pick.randint(0, 1) if words <= 20 else 2)
    if not known.instruments:
        return _capital(_article(piece)) + (" with a singing voice." if known.singing else ".")
    most = pick.randint(2, 4) if words <= 20 else 5
    named = _named(known, pick, most)
    if len(known.instruments) == 1 and known.complete and not known.singing:
        alone = named.removeprefix("a ").removeprefix("an ")
        return pick.choice(
            (
                f"{_capital(_article(piece))} for solo {alone}.",
                f"{_capital(_article(piece))} played on {named} alone.",
                f"{_capital(named)} plays {_article(piece)} alone."
                if named.startswith("a")
                else f"{_capital(_article(piece))} played by {named} alone.",
            )
        )
    return pick.choice(
        (
            f"{_capital(_article(piece))} with {named}.",
            f"{_capital(_article(piece))} featuring {named}.",
            f"This {piece} features {named}.",
            f"{_capital(_article(piece))} played by {named}.",
        )
    )


def _whole(known: Claims, words: int, pick: random.Random) -> list[str]:
    sentences = [_opening(known, words, pick)]
    further = _rhythm(known, pick) + _feeling(known, pick) + _absences(known, pick)
    if known.tempo is not None:
        further.append(pick.choice(wording.TEMPO_NOTES[known.tempo]))
    if known.styles:
        further.append(pick.choice(wording.STYLE_NOTES[_main_style(known)]))
    further = [sentence for sentence in further if pick.random() < _SAID]
    if known.moods:
        place = pick.choice(wording.PLACES[known.moods[0]])
        further.append(pick.choice((f"It would suit {place}.", f"It could accompany {place}.", f"It fits {place}.")))
    return sentences + further


def _rhythm(known: Claims, pick: random.Random) -> list[str]:
    has = set(known.instruments)
    if {"drums", "bass"} <= has:
        return [pick.choice(("Drums and bass keep the rhythm.", "The bass and the drums carry the beat."))]
    if "drums" in has:
        return [pick.choice(("Drums keep the beat.", "A drum beat drives it along."))]
    if "bass" in has:
        return [pick.choice(("A bass line lies underneath.", "The bass gives it a foundation."))]
    return []


def _feeling(known: Claims, pick: random.Random) -> list[str]:
    if not known.moods:
        return []
    words = [pick.choice(wording.MOODS[mood]) for mood in known.moods]
    first = pick.choice(
        (f"The mood is {_listed(words[:2])}.", f"It feels {_listed(words[:2])}.", f"The atmosphere is {words[0]}.")
    )
    return [first]


def _absences(known: Claims, pick: random.Random) -> list[str]:
    found = []
    if known.singing:
        found.append(pick.choice(("Someone is singing.", "A voice sings the melody.", "There are vocals.")))
    if "singing" in known.absent:
        found.append(pick.choice(("There are no vocals.", "Nobody sings.", "It is instrumental.")))
    if "drums" in known.absent:
        found.append(pick.choice(("There are no drums.", "No percussion is heard.", "It has no drum beat.")))
    return found


def _instruments(known: Claims, words: int, pick: random.Random) -> list[str]:
    if not known.instruments:
        start = pick.choice(("No instrument stands out clearly.", "The instruments are hard to tell apart."))
        return [start, *_absences(known, pick)]
    named = _named(known, pick, pick.randint(2, 5) if words <= 20 else 5)
    if len(known.instruments) == 1 and known.complete:
        first = pick.choice(
            (
                f"Only {named} is heard." if named.startswith("a") else f"Only {named} are heard.",
                f"It is played on {named} alone.",
                f"The only instrument is {named}.",
            )
        )
    else:
        first = pick.choice(
            (
                f"It is played by {named}.",
                f"The instruments are {named}.",
                f"It features {named}.",
                f"One hears {named}.",
            )
        )
    return [first, *_rhythm(known, pick), *_absences(known, pick)]


def _style(known: Claims, words: int, pick: random.Random) -> list[str]:
    if not known.styles:
        first = pick.choice(("The style is hard to name.", "It does not clearly belong to one style."))
        return [first, *_absences(known, pick)]
    main = _main_style(known)
    style = pick.choice(wording.STYLES[main])
    first = pick.choice((f"This is {_article(style)} {pick.choice(wording.PIECES)}.", *wording.STYLE_NOTES[main]))
    further = _rhythm(known, pick) + _absences(known, pick)
    if known.instruments:
        named = _named(known, pick)
        further.append(pick.choice((f"It is played by {named}.", f"It is set for {named}.")))
    if known.tempo is not None:
        further.append(pick.choice(wording.TEMPO_NOTES[known.tempo]))
    return [first, *further]


def _mood(known: Claims, words: int, pick: random.Random) -> list[str]:
    if not known.moods:
        first = pick.choice(("The mood is not clear.", "The music shows no clear mood."))
        return [first]
    first, *further = _feeling(known, pick)
    place = pick.choice(wording.PLACES[known.moods[0]])
    further.append(pick.choice((f"It would suit {place}.", f"It could accompany {place}.", f"It fits {place}.")))
    if len(known.moods) > 2:
        further.append(f"There is something {pick.choice(wording.MOODS[known.moods[2]])} in it too.")
    if known.tempo is not None:
        further.append(pick.choice(wording.TEMPO_NOTES[known.tempo]))
    return [first, *further]
