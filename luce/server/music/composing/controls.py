"""What may be asked of the composer beside its tokens, as the numbers that its encoder reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.reading import Key
from luce.server.music.composing.score import METRES, Score

STYLES: Final = ("pop", "game", "classical", "folk")


@dataclass(frozen=True, slots=True)
class Controls:
    """Properties of a piece; what is None is the composer's to choose.

    Attributes:
        mode: 1 for major, -1 for minor.
        brightness: -1..1, how much more the notes fit a major than a minor key; times 2.5 the difference of the best
            correlations with the key profiles.
        tempo: log2 of quarter notes a minute over 110.
        density: log2 of the notes in a quarter note.
        length: log2 of the mean length of a note in sixteenths (mean of the logarithms).
        register: octaves above middle C, mean pitch in C major or A minor.
        texture: log2 of the notes that begin together, mean.
        opening: 1 where the piece begins as a beginning, 0 where it goes on from something.
        ending: 1 where it ends as an end.
        style: one of :data:`STYLES`.
    """

    mode: float | None = None
    brightness: float | None = None
    tempo: float | None = None
    density: float | None = None
    length: float | None = None
    register: float | None = None
    texture: float | None = None
    opening: float | None = None
    ending: float | None = None
    style: str | None = None

    def vector(self) -> npt.NDArray[np.float32]:
        """(:data:`CONTROL_SIZE`,) each number centred, beside a flag that it is given; then one flag a style."""
        row = np.zeros(CONTROL_SIZE, np.float32)
        for index, (name, (centre, scale)) in enumerate(_SCALES.items()):
            value = getattr(self, name)
            if value is not None:
                row[2 * index : 2 * index + 2] = np.clip((value - centre) / scale, -3, 3), 1
        if self.style is not None:
            row[2 * len(_SCALES) + STYLES.index(self.style)] = 1
        return row


_SCALES: Final[dict[str, tuple[float, float]]] = {
    "mode": (0.0, 1.0),
    "brightness": (0.0, 0.5),
    "tempo": (0.0, 0.5),
    "density": (1.5, 0.8),
    "length": (1.4, 0.7),
    "register": (0.2, 0.5),
    "texture": (0.6, 0.4),
    "opening": (0.5, 0.5),
    "ending": (0.5, 0.5),
}
"""Centre and spread of each number over the training music, roughly."""

CONTROL_SIZE: Final = 2 * len(_SCALES) + len(STYLES)
MEASURED: Final = tuple(name for name in _SCALES if name not in ("opening", "ending"))
"""Controls that are measured on notes."""


def slot(name: str) -> int:
    """Where in the vector a number stands; its flag stands behind it."""
    return 2 * list(_SCALES).index(name)


def unpacked(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N, :data:`CONTROL_SIZE`) vectors back to (N, len(:data:`MEASURED`)) values."""
    columns = [
        vectors[:, 2 * index] * scale + centre
        for index, (name, (centre, scale)) in enumerate(_SCALES.items())
        if name in MEASURED
    ]
    return np.stack(columns, axis=1)


def measure(score: Score, key: Key, bpm: float) -> Controls:
    """The controls of a score that is in C major or A minor.

    Args:
        score: with one note at least.
        key: the key it had, for its mode and brightness.
        bpm: quarter notes a minute.
    """
    quarters = score.bars * METRES[score.metre].quarters
    together = np.unique(score.onset, return_counts=True)[1]
    return Controls(
        mode=-1.0 if key.minor else 1.0,
        brightness=float(np.clip(2.5 * key.brightness, -1, 1)),
        tempo=float(np.log2(bpm / 110)),
        density=float(np.log2(score.count / quarters)),
        length=float(np.log2(score.length).mean()),
        register=float((score.pitch.mean() - 60) / 12),
        texture=float(np.log2(together).mean()),
    )
