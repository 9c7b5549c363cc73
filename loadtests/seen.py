"""What each word of the vocabulary does to how a painted picture feels: `python -m loadtests.seen [--write]`.

Prompts with everything at random, so that nothing comes of what the agents choose together, are painted by the served
graphs in this process, each from its own seed, and looked at by `image_encoder` and `image_emotion`. A ridge regression
with one column an entry tells what each entry adds to valence and arousal. Prints how well the sums foretell pictures
that were left out (five folds); `--write` puts the figures into lexicon.toml, as `seen`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backends.diffusion.events import Finished
from backends.diffusion.loading import Options, load_engine
from backends.diffusion.request import GenerationRequest
from backends.sessions import open_session
from luce.server.vision import prepare
from luce.server.vocabulary import KINDS, vocabulary
from services.agents.roles import Brief, Choice, PromptAgent, Said, negative_text
from services.agents.roles.choosing import excluded, fits

ROOT: Final = Path(__file__).parents[1]
LEXICON: Final = ROOT / "luce" / "server" / "vocabulary" / "lexicon.toml"
_ROWS: Final = 16
_RIDGE: Final = 4.0
_FOLDS: Final = 5
# Effects below it are left out.
_LEAST: Final = 0.005

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draft:
    """A picture to be painted.

    Attributes:
        names: Kind to name.
        text: Its prompt.
        negative: Its negative prompt.
        seed: Of its noise.
    """

    names: Mapping[str, str]
    text: str
    negative: str
    seed: int


def drafted(number: int) -> Draft:
    """Everything at random, as far as it goes together; worded as the agents word it."""
    rng = random.Random(number)
    names: dict[str, str] = {}
    for kind in KINDS:
        banned = excluded(kind, names)
        free = [e.name for e in vocabulary().entries(kind).values() if fits(e, names) and e.name not in banned]
        if free and (kind != "subject" or rng.random() < 0.5):
            names[kind] = rng.choice(free)
    mood = vocabulary().entry("mood", names["mood"])
    brief = Brief(mood.valence, mood.arousal, pace=mood.arousal, power=mood.arousal)
    worded, _ = PromptAgent().write({kind: Choice(kind, name) for kind, name in names.items()}, brief, Said(), rng)
    return Draft(names, worded.text, negative_text(mood.valence, mood.arousal, {}), rng.getrandbits(63))


class Studio:
    """Paints and looks, on one thread."""

    def __init__(self, repository: Path = ROOT / "model_repository") -> None:
        self._engine, self._pipeline, _ = load_engine(repository / "image_generator" / "1", Options(threads=1))
        self._encoder, self._emotion = (
            open_session(repository / name / "1" / "model.onnx", threads=1)
            for name in ("image_encoder", "image_emotion")
        )

    def felt(self, drafts: Sequence[Draft], steps: int) -> Floats:
        """Valence and arousal of the pictures of at most as many drafts as the engine takes in, (n, 2)."""
        pixels = np.stack([prepare(picture) for picture in self._painted(drafts, steps)])
        (features,) = self._encoder.run(["features"], {"pixels": pixels})
        (emotion,) = self._emotion.run(["emotion"], {"features": np.ascontiguousarray(features, np.float32)})
        return np.clip(np.asarray(emotion, np.float64)[:, :2], -1.0, 1.0)

    def _painted(self, drafts: Sequence[Draft], steps: int) -> list[NDArray[np.uint8]]:
        size = int(self._pipeline.size.default) if self._pipeline.size else 0
        for place, draft in enumerate(drafts):
            request = GenerationRequest(
                seed=draft.seed,
                steps=steps,
                guidance_scale=self._pipeline.guidance_scale.default,
                scheduler=self._pipeline.default_scheduler,
                prompt=draft.text,
                negative_prompt=draft.negative or None,
                width=size,
                height=size,
            )
            self._engine.submit(place, request)
        pictures: dict[Hashable, NDArray[np.uint8]] = {}
        while len(self._engine):
            for key, events in self._engine.step().items():
                if isinstance(events[-1], Finished) and events[-1].image is not None:
                    pictures[key] = events[-1].image
        return [pictures[place] for place in range(len(drafts))]


def columns(drafts: Sequence[Mapping[str, str]]) -> tuple[list[tuple[str, str]], Floats]:
    """The entries that are there, and (n, entries) of 0 and 1."""
    known = [(kind, name) for kind in KINDS for name in vocabulary().entries(kind)]
    return known, np.array([[float(one.get(kind) == name) for kind, name in known] for one in drafts])


def effects(table: Floats, felt: Floats) -> tuple[Floats, Floats]:
    """What each column adds, (entries, 2), and what there is before, (2,)."""
    middle, mean = table.mean(axis=0), felt.mean(axis=0)
    centred = table - middle
    weights = np.linalg.solve(centred.T @ centred + _RIDGE * np.eye(table.shape[1]), centred.T @ (felt - mean))
    return weights, mean - middle @ weights


def foretold(table: Floats, felt: Floats) -> Floats:
    """The sums for each row, from effects learned without its fold."""
    fold = np.arange(len(table)) % _FOLDS
    found = np.empty_like(felt)
    for number in range(_FOLDS):
        weights, base = effects(table[fold != number], felt[fold != number])
        found[fold == number] = table[fold == number] @ weights + base
    return found


def write(known: Sequence[tuple[str, str]], weights: Floats, base: Floats, path: Path = LEXICON) -> None:
    """Put `seen` into the lexicon in place of what was there."""
    text = re.sub(r"^seen = .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    head, first, rest = text.partition("[scene.")
    text = f"{head.rstrip()}\n\nseen = {_pair(base)}\n\n{first}{rest}"
    for (kind, name), added in zip(known, weights, strict=True):
        if np.abs(added).max() >= _LEAST:
            text = re.sub(
                rf"^(\[{kind}\.{name}\]\n(?:(?!\[).+\n)*)", rf"\g<1>seen = {_pair(added)}\n", text, flags=re.MULTILINE
            )
    path.write_text(text, encoding="utf-8")


def _pair(values: Floats) -> str:
    return "[" + ", ".join(f"{round(float(value), 3) + 0.0:.3f}" for value in values) + "]"


def main() -> None:
    """Paint, fit, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=800)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rows", type=Path, default=ROOT / "training" / "runs" / "seen.jsonl", help="kept; goes on")
    parser.add_argument("--write", action="store_true", help="put the figures into lexicon.toml")
    arguments = parser.parse_args()
    path: Path = arguments.rows
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    if len(rows) < arguments.pictures:
        studio = Studio()
        path.parent.mkdir(parents=True, exist_ok=True)
    while len(rows) < arguments.pictures:
        drafts = [drafted(len(rows) + place) for place in range(_ROWS)]
        felt = studio.felt(drafts, arguments.steps)
        made = [{"names": dict(one.names), "felt": point.tolist()} for one, point in zip(drafts, felt, strict=True)]
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in made)
        rows += made
    rows = rows[: arguments.pictures]
    known, table = columns([row["names"] for row in rows])
    felt = np.array([row["felt"] for row in rows])
    guess = foretold(table, felt)
    for axis, name in enumerate(("valence", "arousal")):
        truth, sums = felt[:, axis], guess[:, axis]
        r, left = np.corrcoef(sums, truth)[0, 1], (truth - sums).std()
        print(f"{name}: {len(rows)} pictures, sd {truth.std():.3f}; foretold with r {r:.3f}, sd left {left:.3f}")
    weights, base = effects(table, felt)
    order = np.argsort(-np.abs(weights).max(axis=1))
    print("the strongest: " + ", ".join(f"{'.'.join(known[i])} {_pair(weights[i])}" for i in order[:12]))
    if arguments.write:
        write(known, weights, base)


if __name__ == "__main__":
    main()
