"""How like variations are to their themes, beside what would be like them anyway.

Run ``python -m training.evaluate.vary`` after ``training.midi_composer.dataset``. Themes are bars of held-out pieces;
the committed `midi_composer` varies them in this process, every bar anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from backends.autoregressive.engine import Limits
from backends.autoregressive.events import Finished
from backends.autoregressive.loading import Options, load_engine
from backends.autoregressive.request import parse_request
from luce.server.music.composing.controls import measure
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.given import Given
from luce.server.music.composing.planning import Moment, Wish
from luce.server.music.composing.reading import key_of
from luce.server.music.composing.score import Score
from luce.server.music.composing.tokens import decode
from luce.server.music.composing.varying import likeness, vary
from training.midi_composer.folders import CACHE, OUTPUT
from training.midi_composer.pieces import SOURCES

BARS: Final = 8


def themes(folder: Path, each: int, seed: int) -> list[Given]:
    """The first bars of held-out excerpts, as many of each source."""
    random = np.random.default_rng(seed)
    found: list[Given] = []
    for source in SOURCES:
        wanted = len(found) + each
        with np.load(folder / f"{source}.npz") as archive:
            ends = np.cumsum(archive["sizes"])
            for row in random.permutation(np.flatnonzero(archive["held_out"])).tolist():
                score = decode(archive["tokens"][ends[row] - archive["sizes"][row] : ends[row]])
                if score.bars >= BARS and len(np.unique(score.between(0, BARS).onset // 16)) > BARS / 2:
                    cut, bpm = score.between(0, BARS), float(archive["bpm"][row])
                    key = key_of(cut)
                    cut = cut.transposed(key.shift)
                    found.append(Given(cut, key, bpm, measure(cut, key, bpm)))
                if len(found) == wanted:
                    break
    return found


def varied(given: Sequence[Given]) -> list[Score]:
    """A variation of each theme, all in flight together."""
    engine, generation, _ = load_engine(OUTPUT, Options(limits=Limits(waiting=len(given)), threads=1))
    drafts = []
    for seed, theme in enumerate(given):
        wish = Wish((Moment(theme.seconds, 0.0, 0.0),))
        drafts.append(Draft(vary(wish, theme, seed, share=1.0), seed))

    def send(index: int) -> None:
        tensors = drafts[index].request()
        if tensors is not None:
            engine.submit(index, parse_request(tensors, generation))

    for index in range(len(drafts)):
        send(index)
    while len(engine):
        for name, events in engine.step().items():
            index, last = int(str(name)), events[-1]
            if not isinstance(last, Finished):
                raise RuntimeError(f"variation {index}: {last}")
            drafts[index].accept(np.asarray(last.tokens))
            send(index)
    return [draft.score for draft in drafts]


def main() -> None:
    """Vary and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--each", type=int, default=12, help="themes of each source")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    given = themes(arguments.cache, arguments.each, arguments.seed)
    scores = varied(given)
    own = [likeness(theme.score, score) for theme, score in zip(given, scores, strict=True)]
    others = [*given[1:], given[0]]
    alike = [(a.score, b) for a, b in zip(others, scores, strict=True) if a.score.metre == b.metre]
    following = [likeness(theme.score.between(1, BARS), theme.score.between(0, BARS - 1)) for theme in given]
    report = {
        "themes": len(given),
        "variation_and_its_theme": round(float(np.mean(own)), 3),
        "a_bar_of_the_theme_and_the_one_before": round(float(np.mean(following)), 3),
        "variation_and_another_theme": round(float(np.mean([likeness(a, b) for a, b in alike])), 3),
        "bars_that_did_not_change": round(float(np.mean(_unchanged(given, scores))), 3),
    }
    print(json.dumps(report, indent=2))


def _unchanged(given: Sequence[Given], scores: Sequence[Score]) -> list[bool]:
    pairs = [
        (theme.score.between(bar, bar + 1), score.between(bar, bar + 1))
        for theme, score in zip(given, scores, strict=True)
        for bar in range(BARS)
    ]
    return [np.array_equal(a.pitch, b.pitch) and np.array_equal(a.onset, b.onset) for a, b in pairs]


if __name__ == "__main__":
    main()
