"""Random wishes for training: everything the vocabulary can say, moods near the emotion, parts that go together."""

from __future__ import annotations

import random

from luce.server.vocabulary import Attributes, Entry, harmonize, vocabulary


def sample_attributes(rng: random.Random) -> Attributes:
    """One wish. Names are drawn evenly, except that natural colours, photographs and no subject are commoner.

    The emotion is uniform on the square; the moods are among the five nearest to it, so that words and grading agree.
    Palettes lean toward the emotion in one picture of two, as the agents will choose them.
    """
    words = vocabulary()
    valence, arousal = rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)

    def even(kind: str) -> str:
        return rng.choice(list(words.entries(kind)))

    def leaning(kind: str) -> str:
        near: list[Entry] = words.nearest(kind, valence, arousal, count=5)
        return rng.choice(near).name if rng.random() < 0.5 else even(kind)

    scene = even("scene")
    subjects = [s.name for s in words.entries("subject").values() if scene in s.fits.get("scene", (scene,))]
    moods = [entry.name for entry in words.nearest("mood", valence, arousal, count=4)]
    time, weather = even("time"), "clear" if rng.random() < 0.25 else leaning("weather")
    lights = [
        light.name
        for light in words.entries("light").values()
        if time in light.fits.get("time", (time,)) and weather in light.fits.get("weather", (weather,))
    ]
    return harmonize(
        Attributes(
            scene=scene,
            subject=rng.choice(subjects) if rng.random() < 0.45 else None,
            time=time,
            weather=weather,
            light=rng.choice(lights),
            style="photo" if rng.random() < 0.2 else even("style"),
            palette="natural" if rng.random() < 0.22 else leaning("palette"),
            composition=even("composition"),
            motion=leaning("motion"),
            moods=tuple(rng.sample(moods, rng.choice((1, 1, 2)))),
            valence=valence,
            arousal=arousal,
        )
    )
