"""The first step for pictures: which sights an embedding is nearest to, and which tones the pixels have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.server.chain.impression import Impression, Sighting
from luce.server.chain.lexicon import Sight, lexicon
from luce.server.chain.reading import read

# Sights of each kind that are kept, and how far above the kind's mean (in standard deviations) they must lie.
_MOST: Final = {"scene": 2, "thing": 2, "act": 1, "time": 1, "weather": 1}
_LEAST_SCORE: Final = {"scene": 1.0, "thing": 1.2, "act": 1.4, "time": 1.2, "weather": 1.4}
_AROUSAL_SHARE: Final = 0.5
_LEAST_PROBABILITY: Final = 0.08


class Seer:
    """Names what a picture shows, zero-shot: its embedding beside those of the lexicon's phrases.

    Args:
        vectors: float32 (len(Seer.phrases()), d), each of length 1: the embeddings of `Seer.phrases()` by the text
            encoder whose space the picture's embedding is in.

    Raises:
        ValueError: another number of vectors.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._sights = _named()
        if vectors.ndim != 2 or len(vectors) != len(self._sights):
            raise ValueError(f"vectors: {len(vectors)} given, {len(self._sights)} needed")
        self._vectors = vectors
        kinds = np.array([sight.kind for sight in self._sights])
        self._rows = {kind: np.flatnonzero(kinds == kind) for kind in _MOST}

    @staticmethod
    def phrases() -> tuple[str, ...]:
        """What to embed, in this order."""
        return tuple(f"a photo of {sight.phrase}" for sight in _named())

    def look(
        self,
        embedding: NDArray[np.float32],
        emotion: Emotion,
        *,
        pixels: NDArray[np.uint8] | None = None,
        objects: Sequence[tuple[str, float]] = (),
    ) -> Impression:
        """What is in a picture.

        Args:
            embedding: (d,), of length 1.
            emotion: the picture's, by a model of emotion.
            pixels: uint8 (h, w, 3), sRGB, for the tones; small is enough.
            objects: names from a classifier with their probabilities; those that the lexicon knows count as well.
        """
        sightings = _recognised(objects)
        known = {(sighting.sight.kind, sighting.sight.name) for sighting in sightings}
        for kind, rows in self._rows.items():
            cosines = self._vectors[rows] @ embedding
            scores = (cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)
            for place in np.argsort(-scores, kind="stable")[: _MOST[kind]]:
                score = float(scores[place])
                sight = self._sights[rows[place]]
                if score >= _LEAST_SCORE[kind] and (kind, sight.name) not in known:
                    sightings.append(Sighting(sight, min(1.0, score / 3.0)))
        sightings.sort(key=lambda sighting: -sighting.weight)
        if pixels is not None:
            sightings += [Sighting(tone, 0.5) for tone in tones_of(pixels)]
        moving = [sighting for sighting in sightings if sighting.sight.kind in ("act", "thing", "scene")]
        weight = sum(sighting.weight for sighting in moving)
        shown = sum(sighting.weight * sighting.sight.motion for sighting in moving) / weight if weight else 0.0
        motion = _AROUSAL_SHARE * emotion.arousal + (1.0 - _AROUSAL_SHARE) * shown
        return Impression(emotion, tuple(sightings), "", motion)


def _recognised(objects: Sequence[tuple[str, float]]) -> list[Sighting]:
    """The sights that a classifier's names mean, each with its summed probability."""
    weights: dict[tuple[str, str], Sighting] = {}
    for name, probability in objects:
        for sighting in read(name).sightings:
            sight = sighting.sight
            if sight.kind in _MOST and probability >= _LEAST_PROBABILITY:
                before = weights.get((sight.kind, sight.name))
                total = probability + (before.weight if before else 0.0)
                weights[sight.kind, sight.name] = Sighting(sight, min(1.0, total))
    return list(weights.values())


def tones_of(pixels: NDArray[np.uint8]) -> tuple[Sight, ...]:
    """The tones of a picture, one to three, the most striking first.

    By means over the picture of HSV saturation, Rec. 601 luma and its spread, and of red minus blue and green minus
    both: thresholds set by hand.

    Args:
        pixels: uint8 (h, w, 3), sRGB.
    """
    values = pixels.reshape(-1, 3).astype(np.float32) / np.float32(255.0)
    red, green, blue = (float(channel) for channel in values.mean(axis=0))
    luma = values @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    highest, lowest = values.max(axis=1), values.min(axis=1)
    saturation = float(np.mean((highest - lowest) / np.maximum(highest, 1e-3)))
    bright, spread = float(luma.mean()), float(luma.std())
    striking = {
        "monochrome": (0.06 - saturation) * 20.0,
        "dark": (0.30 - bright) * 6.0,
        "light": (bright - 0.62) * 6.0,
        "warm": (red - blue - 0.10) * 8.0,
        "cool": (blue - red - 0.04) * 8.0,
        "green": (green - max(red, blue) - 0.02) * 14.0,
        "vivid": (saturation - 0.50) * 5.0,
        "muted": (0.22 - saturation) * 4.0 if saturation >= 0.06 else 0.0,
        "contrast": (spread - 0.29) * 12.0,
        "pastel": (bright - 0.55) * 4.0 if 0.08 < saturation < 0.3 else 0.0,
    }
    names = sorted((name for name, value in striking.items() if value > 0.0), key=lambda name: -striking[name])[:3]
    tones = lexicon().sights["tone"]
    return tuple(tones[name] for name in names or ["light" if bright > 0.5 else "muted"])


def _named() -> tuple[Sight, ...]:
    """Sights that a picture is compared with: tones are measured and feelings come from the emotion."""
    return tuple(sight for sight in lexicon().all_sights() if sight.kind in _MOST)
