"""The second step: from an impression to what the music should have.

Tempo and mode follow what the psychology of music agrees on (Gabrielsson & Lindström, 2010): fast is aroused, major is
pleasant. The constants were set by hand.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from luce.emotion import Emotion
from luce.server.chain.impression import Impression
from luce.server.chain.lexicon import Genre, Instrument, lexicon
from luce.server.vocabulary import vocabulary

Mode = Literal["major", "minor"]

MIN_BPM: Final = 50.0
MAX_BPM: Final = 180.0
_MIDDLE_BPM: Final = 98.0
# Octaves of tempo from stillness to the height of excitement, to either side of the middle.
_TEMPO_REACH: Final = 0.75
_MOTION_SHARE: Final = 0.3
# Above this valence major is likelier; the slope of the logistic curve over valence where a seed decides.
_MODE_CENTRE: Final = -0.05
_MODE_SLOPE: Final = 9.0
# Deviation of the normal curve over the plane, and how much a shared context counts, in log-weight.
_GENRE_SPREAD: Final = 0.3
_CONTEXT_GAIN: Final = 0.8
_MOST_CONTEXTS: Final = 2.5
_INSTRUMENT_SPREAD: Final = 0.45
# Each place further down a genre's list is less typical by this log-weight.
_TYPICAL: Final = 0.35
# Mean number of instruments at low and at high arousal.
_FEW, _MANY = 2, 4


@dataclass(frozen=True, slots=True)
class Controls:
    """The music as a composer can be asked for it.

    Attributes:
        emotion: what it should feel like.
        mode: "major" or "minor".
        tempo_bpm: beats a minute, `MIN_BPM`..`MAX_BPM`.
        metre: as "4/4".
        genre: name in the lexicon.
        instruments: names in the lexicon, one to five, the leading one first.
        programs: their General MIDI programs, 0..127; -1 is the drum kit.
        genre_phrase: the genre in words.
        instrument_phrases: the instruments in words.
        shared_contexts: the settings for which the genre was chosen; may be empty.
    """

    emotion: Emotion
    mode: Mode
    tempo_bpm: float
    metre: str
    genre: str
    instruments: tuple[str, ...]
    programs: tuple[int, ...]
    genre_phrase: str
    instrument_phrases: tuple[str, ...]
    shared_contexts: tuple[str, ...] = ()


def choose_controls(impression: Impression, rng: random.Random) -> Controls:
    """What the music should have; `rng` decides between choices that are about as good."""
    emotion = impression.emotion
    contexts = _contexts(impression)
    genre = _choose_genre(emotion, contexts, rng)
    instruments = _choose_instruments(genre, emotion, rng)
    mode, tempo = mode_and_tempo(emotion, impression.motion, rng)
    weights = [1.0 / (1 + place) for place in range(len(genre.metres))]
    return Controls(
        emotion=emotion,
        mode=mode,
        tempo_bpm=tempo,
        metre=rng.choices(genre.metres, weights)[0],
        genre=genre.name,
        instruments=tuple(instrument.name for instrument in instruments),
        programs=tuple(instrument.programs[0] for instrument in instruments),
        genre_phrase=rng.choice(genre.phrases),
        instrument_phrases=tuple(rng.choice(instrument.phrases) for instrument in instruments),
        shared_contexts=tuple(name for name in genre.contexts if name in contexts),
    )


def mode_and_tempo(emotion: Emotion, motion: float, rng: random.Random | None = None) -> tuple[Mode, float]:
    """Mode by valence, tempo by arousal and motion.

    Args:
        emotion: what the music should feel like.
        motion: still (-1) to fast (1).
        rng: lets the mode fall either way near the middle, and moves the tempo by up to 5 %; without it the likelier
            mode and the plain tempo.

    Returns:
        The mode, and beats a minute (whole).
    """
    likely = 1.0 / (1.0 + math.exp(-_MODE_SLOPE * (emotion.valence - _MODE_CENTRE)))
    drive = (1.0 - _MOTION_SHARE) * emotion.arousal + _MOTION_SHARE * motion
    tempo = _MIDDLE_BPM * 2.0 ** (_TEMPO_REACH * drive)
    if rng is None:
        chance = 0.5
    else:
        chance = rng.random()
        tempo *= 1.0 + rng.uniform(-0.05, 0.05)
    return "major" if likely > chance else "minor", float(round(max(MIN_BPM, min(MAX_BPM, tempo))))


def emotion_words(emotion: Emotion, count: int = 2) -> tuple[str, ...]:
    """The nearest moods in words, nearest first."""
    nearest = vocabulary().nearest("mood", emotion.valence, emotion.arousal, count)
    return tuple(entry.phrases[0] for entry in nearest)


def pace_word(tempo_bpm: float) -> str:
    """A tempo in a word or two."""
    table = ((66.0, "very slow"), (84.0, "slow"), (108.0, "moderate"), (132.0, "lively"), (154.0, "fast"))
    return next((word for limit, word in table if tempo_bpm < limit), "very fast")


def rhythm_words(controls: Controls) -> str:
    """Tempo, manner and metre in words, as "slow, gentle 3/4"."""
    arousal, valence = controls.emotion.arousal, controls.emotion.valence
    if arousal > 0.45:
        manner = "driving" if valence < 0.1 else "bouncing"
    elif arousal > 0.0:
        manner = "tense and insistent" if valence < -0.2 else "steady"
    elif arousal > -0.45:
        manner = "dragging" if valence < -0.3 else "flowing"
    else:
        manner = "sparse and hesitant" if valence < -0.2 else "gentle"
    return f"{pace_word(controls.tempo_bpm)}, {manner} {controls.metre}"


def _contexts(impression: Impression) -> dict[str, float]:
    """How strongly each setting is there."""
    found: dict[str, float] = {}
    for sighting in impression.sightings:
        for context in sighting.sight.contexts:
            found[context] = found.get(context, 0.0) + sighting.weight
    return found


def _choose_genre(emotion: Emotion, contexts: dict[str, float], rng: random.Random) -> Genre:
    genres = list(lexicon().genres.values())
    scores = []
    for genre in genres:
        shared = min(_MOST_CONTEXTS, sum(contexts.get(name, 0.0) for name in genre.contexts))
        scores.append(_nearness(genre, emotion, _GENRE_SPREAD) + _CONTEXT_GAIN * shared)
    return rng.choices(genres, _weights(scores))[0]


def _choose_instruments(genre: Genre, emotion: Emotion, rng: random.Random) -> list[Instrument]:
    known = lexicon().instruments
    left = [known[name] for name in genre.instruments]
    middle = _FEW + (_MANY - _FEW) * (emotion.arousal + 1.0) / 2.0
    count = max(1, min(len(left), round(middle + rng.uniform(-0.7, 0.7))))
    chosen: list[Instrument] = []
    while len(chosen) < count:
        scores = [
            _nearness(instrument, emotion, _INSTRUMENT_SPREAD) - _TYPICAL * genre.instruments.index(instrument.name)
            for instrument in left
        ]
        instrument = rng.choices(left, _weights(scores))[0]
        left.remove(instrument)
        chosen.append(instrument)
    # The most typical leads; drums never do.
    return sorted(chosen, key=lambda instrument: (instrument.name == "drums", genre.instruments.index(instrument.name)))


def _nearness(entry: Genre | Instrument, emotion: Emotion, spread: float) -> float:
    squared = (entry.valence - emotion.valence) ** 2 + (entry.arousal - emotion.arousal) ** 2
    return -squared / (2.0 * spread**2)


def _weights(scores: Sequence[float]) -> list[float]:
    best = max(scores)
    return [math.exp(score - best) for score in scores]
