"""Write ``luce/server/music/composing/corpus.npz``: what planning draws from.

Run ``python -m training.midi_composer.corpus`` after ``training.midi_composer.dataset``.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.server.music.composing.controls import MEASURED, STYLES, unpacked
from training.midi_composer.folders import CACHE
from training.midi_composer.pieces import SOURCES
from training.midi_composer.stretches import stretches

OUTPUT = Path("luce/server/music/composing/corpus.npz")
#: Rows of each source; no tempo is written in the folk tunes, so few of them do.
_MOST = {"pop": 1500, "game": 1500, "folk": 300, "classical": 1000}
#: Lengths at which the form of real music is measured, and stretches of each source.
_SECONDS = (8.0, 15.0, 30.0, 60.0)
_STRETCHES = 150


def ordinary(folder: Path, seconds: float) -> npt.NDArray[np.float64]:
    """(2, 3) the 10th and the 90th percentile of the form of real music of a length; no held-out piece is read."""
    random = np.random.default_rng(0)
    found = [
        stretch.form
        for source in SOURCES
        if (folder / f"{source}.npz").exists()
        for stretch in islice(stretches(folder / f"{source}.npz", seconds, random, held_out=False), _STRETCHES)
    ]
    band: npt.NDArray[np.float64] = np.quantile(np.array(found), (0.1, 0.9), axis=0)
    return band


def main() -> None:
    """Take some excerpts of every source, none of a held-out piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CACHE)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {"emotion": [], "controls": [], "style": [], "metre": [], "shift": []}
    for source in SOURCES:
        path = given.data / f"{source}.npz"
        if not path.exists():
            continue
        with np.load(path) as archive:
            rows = np.flatnonzero(~archive["held_out"] & (archive["sizes"] >= 120))
            rows = np.sort(random.permutation(rows)[: _MOST[source]])
            columns["emotion"].append(archive["emotion"][rows].astype(np.float16))
            columns["controls"].append(unpacked(archive["controls"][rows].astype(np.float32)).astype(np.float16))
            columns["style"].append(np.full(len(rows), STYLES.index(source), np.int8))
            columns["metre"].append(archive["metre"][rows])
            columns["shift"].append(archive["shift"][rows])
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    bands = [ordinary(given.data, seconds) for seconds in _SECONDS]
    np.savez_compressed(given.output, **joined, band_seconds=np.array(_SECONDS), bands=np.array(bands, np.float32))
    print(f"{sum(map(len, columns['style']))} excerpts, {len(MEASURED)} controls", flush=True)


if __name__ == "__main__":
    main()
