"""CoT-VTM's measures on embeddings of music: one row of its table for each way from pictures to music.

The paper embeds generated audio (PANNs, VGGish, MERT). Here the mapping is judged where it ends, in the space that text
and audio share: the figures compare the rows with each other, not with the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luce.server.chain import lexicon
from luce.server.measures import ems, frechet_distance, hit_rate, kl_divergence, softmax

Vectors = npt.NDArray[np.float32]

TEMPERATURE = 0.05
"""Of the zero-shot genre classifier: cosines of sentences lie close together."""
_RIDGE = 1e-2


@dataclass(frozen=True)
class Row:
    """One way from pictures to music.

    Attributes:
        name: of the way.
        frechet: to the held-out E_m, times 1000; low is good.
        divergence: KL over genres, in nats; low is good.
        ems: mean distance of the feelings of picture and music; low is good.
        hits: P@10 among 70, percent.
        spread: mean cosine distance between two musics for one picture; 0 where there is one only.
    """

    name: str
    frechet: float
    divergence: float
    ems: float
    hits: float
    spread: float


class Judge:
    """Judges embeddings of music.

    Args:
        meant: (n, d), of the music that the teacher described for held-out rows.
        emotion: (n, 2), valence and arousal of what was seen.
        genres: (k, d), of length 1: the genres of the lexicon in words.
        probe: feels an embedding.
    """

    def __init__(self, meant: Vectors, emotion: Vectors, genres: Vectors, probe: EmotionProbe) -> None:
        self._meant = meant
        self._emotion = emotion
        self._genres = genres
        self._probe = probe

    def judge(self, name: str, generated: Vectors) -> Row:
        """A row of the table.

        Args:
            name: of the way.
            generated: (s, n, d), s musics for each of the n rows.
        """
        reference = softmax(self._meant @ self._genres.T, TEMPERATURE)
        return Row(
            name,
            frechet=1000.0 * frechet_distance(generated.reshape(-1, generated.shape[-1]), self._meant),
            divergence=float(
                np.mean([kl_divergence(reference, softmax(one @ self._genres.T, TEMPERATURE)) for one in generated])
            ),
            ems=float(np.mean([ems(self._emotion, self._probe(one)) for one in generated])),
            hits=100.0 * float(np.mean([hit_rate(one, self._meant, seed=seed) for seed, one in enumerate(generated)])),
            spread=_spread(generated),
        )


class EmotionProbe:
    """Valence and arousal of an embedding of music, by ridge regression on the teacher's descriptions.

    Args:
        music: (n, d), training rows.
        emotion: (n, 2), what the descriptions were written for.
    """

    def __init__(self, music: Vectors, emotion: Vectors) -> None:
        self._centre = music.mean(axis=0)
        self._mean = emotion.mean(axis=0)
        centred = (music - self._centre).astype(np.float64)
        gram = centred.T @ centred / len(centred)
        ridge = _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
        self._weights = np.linalg.solve(gram + ridge, centred.T @ (emotion - self._mean) / len(centred))

    def __call__(self, music: Vectors) -> npt.NDArray[np.float64]:
        """(n, 2) in [-1, 1]."""
        found: npt.NDArray[np.float64] = np.clip((music - self._centre) @ self._weights + self._mean, -1.0, 1.0)
        return found


def genre_phrases() -> list[str]:
    """What the zero-shot classifier knows, in words."""
    return [f"{genre.phrases[0]} music" for genre in lexicon().genres.values()]


def _spread(generated: Vectors) -> float:
    count = len(generated)
    pairs = [(one, other) for one in range(count) for other in range(one)]
    if not pairs:
        return 0.0
    return float(np.mean([1.0 - (generated[one] * generated[other]).sum(axis=1).mean() for one, other in pairs]))
