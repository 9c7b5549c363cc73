"""Real music beside the composed: stretches of the corpus, as long as the pieces, played and measured as they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from training.midi_composer.judge import describe
from training.midi_composer.pieces import SOURCES
from training.midi_composer.stretches import stretches

STRETCHES: Final = 200
"""Of each source."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RealMusic:
    """What is measured on the stretches.

    Attributes:
        form: (N, 3) as ``measures.music.FORM`` names it.
        rows: (N, 37) what the judge reads.
    """

    form: Floats
    rows: Floats


def real_music(folder: Path, seconds: float, *, seed: int = 1) -> RealMusic:
    """Stretches of `seconds` of every source alike."""
    random = np.random.default_rng(seed)
    found = [
        stretch
        for source in SOURCES
        if (folder / f"{source}.npz").exists()
        for stretch in islice(stretches(folder / f"{source}.npz", seconds, random), STRETCHES)
    ]
    return RealMusic(np.array([one.form for one in found]), np.array([describe(one.notes) for one in found]))
