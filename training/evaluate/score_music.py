"""Does the music feel as the photograph does? The whole chain on photographs that nothing was trained on.

Run ``python -m training.evaluate.score_music --data FOLDER``, where FOLDER holds ``oasis``, ``emopia`` and ``vgmidi``:
photographs that about a hundred people each rated (Kurdi, Lozano & Banaji 2017), and what the second judge learns from.
Each photograph is looked at (``image_encoder``, ``image_emotion``), thought about (``luce.server.chain``), composed
(``midi_composer``, the best of as many candidates as serving writes), and the notes are felt by ``note_emotion``,
which chose among the candidates, and by the judge of ``training.midi_composer``, which had no part in anything.

Beside it stands music that comes from the caption alone (``text_emotion``), as "LLM2music" does in CoT-VTM's table 5:
asked to feel as the caption is read, and as captions read so were rated among the training photographs (by least
squares, because sentences are rated more mildly than photographs are); and the picture's music dealt to other
photographs. All are written by the same composer with as many candidates. Writes
``model_repository/embed_diffusion/match.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from luce.server.measures import ems, va_similarity
from luce.server.music.limits import DEFAULT_CANDIDATES
from training.evaluate.score_pieces import MODELS, SECONDS, Composer, Floats, Piece
from training.evaluate.serving import REPOSITORY, serving
from training.image_encoder import pictures
from training.midi_composer.judge import trained

REPORT = REPOSITORY / "embed_diffusion" / "match.json"
PICTURE, CAPTION, FITTED = "picture → chain → music", "caption → music", "caption, fitted to ratings → music"

Judging = Callable[[Sequence[Piece]], Floats]


@dataclass(frozen=True)
class Match:
    """How well the music of one way feels as the photographs do.

    Attributes:
        name: of the way.
        match: mean of 1 - distance / (2·√2), 0..1.
        ems: mean distance; low is good.
        valence_r: Pearson's r of the photographs' and the music's valence.
        arousal_r: likewise.
    """

    name: str
    match: float
    ems: float
    valence_r: float
    arousal_r: float


@dataclass(frozen=True)
class Gain:
    """What the picture brings over another way.

    Attributes:
        over: the other way.
        mean: of the differences of the matches.
        p: Wilcoxon's signed-rank, one-sided.
    """

    over: str
    mean: float
    p: float


def compare(name: str, rated: Floats, music: Floats) -> Match:
    """A row of the table; both are (n, 2), valence and arousal."""
    return Match(
        name,
        float(va_similarity(rated, music).mean()),
        ems(rated, music),
        float(np.corrcoef(rated[:, 0], music[:, 0])[0, 1]),
        float(np.corrcoef(rated[:, 1], music[:, 1])[0, 1]),
    )


def paired(rated: Floats, ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Mean advantage of the first music's match over the second's, and its p (Wilcoxon's signed-rank, one-sided)."""
    gain = va_similarity(rated, ours) - va_similarity(rated, theirs)
    if not gain.any():
        return 0.0, 1.0
    return float(gain.mean()), float(stats.wilcoxon(gain, alternative="greater").pvalue)


def fitted(read: Floats, rated: Floats, others: Floats) -> Floats:
    """What captions read as `others` (n, 2) would be rated, by least squares on those `read` and `rated`."""
    inputs, given = (np.column_stack([np.ones(len(points)), points]) for points in (read, others))
    slopes, *_ = np.linalg.lstsq(inputs, rated, rcond=None)
    found: Floats = np.clip(given @ slopes, -1.0, 1.0)
    return found


def table(rated: Floats, ways: dict[str, list[Piece]], judging: Judging) -> tuple[list[Match], list[Gain]]:
    """The rows of the table by one judge, and what the picture brings over the other ways."""
    music = {name: judging(pieces) for name, pieces in ways.items()}
    rows = [compare(name, rated, found) for name, found in music.items()]
    dealt = music[PICTURE][np.random.default_rng(0).permutation(len(rated))]
    rows.append(compare("the picture's, dealt to other photographs", rated, dealt))
    gains = [Gain(name, *paired(rated, music[PICTURE], found)) for name, found in music.items() if name != PICTURE]
    return rows, gains


async def compose(
    known: Sequence[pictures.Known], trained_on: Sequence[pictures.Known], candidates: int
) -> dict[str, list[Piece]]:
    """The pieces of each way."""
    captions, learned = ([f"A photo of {one.texts[0]}." for one in side] for side in (known, trained_on))
    async with serving(MODELS) as client:
        composer = Composer(client, candidates)
        read = await composer.read(captions)
        rated = np.array([picture.emotion for picture in trained_on], np.float64)
        as_rated = fitted(await composer.read(learned), rated, read)
        return {
            PICTURE: await composer.from_pictures([picture.open() for picture in known]),
            CAPTION: await composer.from_captions(captions, read),
            FITTED: await composer.from_captions(captions, as_rated),
        }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--most", type=int, default=1000, help="photographs")
    parser.add_argument("--candidates", type=int, default=DEFAULT_CANDIDATES, help="of each piece")
    given = parser.parse_args()
    photographs = list(pictures.oasis(given.data))
    known = [picture for picture in photographs if picture.held_out][: given.most]
    rated = np.array([picture.emotion for picture in known], np.float64)
    judge, trust = trained(given.data)
    ways = asyncio.run(compose(known, [one for one in photographs if not one.held_out], given.candidates))
    judges: dict[str, Judging] = {
        "what was asked for": lambda pieces: np.stack([piece.asked for piece in pieces]),
        "note_emotion, which chose among the candidates": lambda pieces: np.stack([piece.felt for piece in pieces]),
        "the judge that had no part in it": lambda pieces: judge(np.stack([piece.rows for piece in pieces])),
    }
    told: dict[str, Any] = {"photographs": len(known), "seconds": SECONDS, "candidates": given.candidates}
    print(f"{len(known)} held-out photographs, rated by people; {SECONDS:.0f} s, {given.candidates} candidates each")
    for name, judging in judges.items():
        rows, gains = table(rated, ways, judging)
        print(f"\n{name:42s}  match↑   EMS↓  r valence  r arousal")
        for row in rows:
            print(f"{row.name:42s}  {row.match:.3f}  {row.ems:.3f}  {row.valence_r:9.2f}  {row.arousal_r:9.2f}")
        for gain in gains:
            print(f"the picture is above {gain.over!r} by {gain.mean:+.3f} (p = {gain.p:.2g})")
        told[name] = {"rows": [asdict(row) for row in rows], "gains": [asdict(gain) for gain in gains]}
    told["judge"] = trust
    REPORT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
