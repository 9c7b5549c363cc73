"""Story2MIDI's objective check and more, of music composed by the served models: emotion, quadrants, form, speed.

Run ``python -m training.evaluate.compose --data FOLDER``, where FOLDER holds ``emopia`` and ``vgmidi``, after
``training.midi_composer.dataset`` has made the real music that the composed is held beside. It starts a Triton with
`midi_composer` and `note_emotion`, asks for pieces of emotions all over the plane, and prints the tables.

The judge of emotion learned from other music than the composer's labels, see :mod:`training.midi_composer.judge`.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mido
import numpy as np
import numpy.typing as npt

from luce.server.inference import InferenceClient
from luce.server.measures.music import FORM, form, quadrant, quadrant_check
from luce.server.music.composing.drafting import MODEL, Draft
from luce.server.music.composing.ordinary import strangeness
from luce.server.music.composing.performance import Manner, heard, midi_bytes, perform
from luce.server.music.composing.planning import Moment, Wish, corpus, plan
from luce.server.music.composing.reading import key_of
from luce.server.music.composing.score import METRES, Score
from luce.server.music.emotion_input import note_rows
from luce.server.music.limits import DEFAULT_CANDIDATES
from luce.server.music.midi import read_midi
from luce.server.music.notes import Notes
from training.evaluate.compose_real import RealMusic, real_music
from training.evaluate.regression import regression_metrics
from training.evaluate.serving import serving
from training.midi_composer.folders import CACHE
from training.midi_composer.judge import describe, right_quadrants, trained

REACH: Final = 0.8
"""Valence and arousal are asked for from minus so much to so much."""
_DEADLINE_S: Final = 300.0
_TOGETHER: Final = 16

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Composed:
    """One piece as it was answered."""

    asked: tuple[float, float]
    score: Score
    manner: Manner
    midi: bytes
    seconds: float
    tokens: int

    @property
    def bar_s(self) -> float:
        """Seconds of a bar."""
        return METRES[self.score.metre].quarters * 60 / self.manner.bpm


def played(piece: Composed) -> Notes:
    """Its notes."""
    return heard(perform(piece.score, piece.manner))


async def draft(
    client: InferenceClient, asked: tuple[float, float], seconds: float, seed: int, places: Any
) -> Composed:
    """Write one candidate."""
    written = Draft(plan(Wish((Moment(seconds, *asked),)), seed), seed)
    count = 0
    while (tensors := written.request()) is not None:
        async with places:
            *_, last = [answer async for answer in client.stream(MODEL, tensors, deadline=_DEADLINE_S)]
        tokens = np.asarray(last.outputs["tokens"], np.int64)
        count += tokens.size
        written.accept(tokens)
    manner = written.plan.manner
    return Composed(asked, written.score, manner, midi_bytes(written.score, manner), seconds, count)


async def feel(client: InferenceClient, piece: Composed) -> Floats:
    """(2,) valence and arousal by `note_emotion`, which chooses among candidates."""
    rows = note_rows(played(piece), piece.seconds, written=True)[-1:]
    found = (await client.infer("note_emotion", {"descriptors": rows}, deadline=_DEADLINE_S)).outputs["emotion"]
    return np.asarray(found[0], np.float64)


async def compose(
    client: InferenceClient, asked: tuple[float, float], seconds: float, seed: int, candidates: int, places: Any
) -> tuple[Composed, Floats]:
    """The candidate that feels nearest to what is asked and is most like music, as serving chooses; how it feels."""
    drafts = [draft(client, asked, seconds, seed * candidates + index, places) for index in range(candidates)]
    pieces = await asyncio.gather(*drafts)
    felt = np.stack([await feel(client, piece) for piece in pieces])
    # What no music reaches would make the loudest of all directions decide.
    target = np.array(corpus().reachable(*asked))
    strange = [strangeness(played(piece), piece.seconds, piece.bar_s) for piece in pieces]
    best = int((np.square(felt - target).sum(axis=1) + np.square(strange)).argmin())
    return pieces[best], felt[best]


def stuck_notes(data: bytes) -> int:
    """Notes of a MIDI file that are never ended, or ended without having begun."""
    stuck = 0
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        sounding: set[tuple[int, int]] = set()
        for message in track:
            if message.type == "note_on" and message.velocity > 0:
                stuck += (message.channel, message.note) in sounding
                sounding.add((message.channel, message.note))
            elif message.type in ("note_on", "note_off"):
                stuck += (message.channel, message.note) not in sounding
                sounding.discard((message.channel, message.note))
        stuck += len(sounding)
    return stuck


def report(pieces: Sequence[Composed], felt: Floats, data: Path, real: RealMusic) -> dict[str, Any]:
    """All figures."""
    asked = np.array([piece.asked for piece in pieces])
    music = [read_midi(piece.midi) for piece in pieces]
    judge, trust = trained(data)
    judged = judge(np.stack([describe(one.notes) for one in music]))
    # Real music is pleasant and lively rather than neutral to the judge: what it is told from is the judge's middle.
    centre = np.median(judge(real.rows), axis=0)
    quadrants = [quadrant(*pair) for pair in asked.tolist()]
    keys = [key_of(piece.score) for piece in pieces]
    lengths = [float((one.notes.offset_s - one.notes.onset_s).mean()) for one in music]
    shape = np.array([form(played(piece), piece.seconds, piece.bar_s) for piece in pieces])
    low, high = np.quantile(real.form, (0.05, 0.95), axis=0)
    check = quadrant_check(quadrants, [not key.minor for key in keys], lengths)
    ends = [mido.MidiFile(file=io.BytesIO(piece.midi)).length for piece in pieces]
    return {
        "pieces": len(pieces),
        "no_stuck_notes": float(np.mean([stuck_notes(piece.midi) == 0 for piece in pieces])),
        "end_on_time": float(np.mean([abs(end - p.seconds) < 0.05 for end, p in zip(ends, pieces, strict=True)])),
        "asked_against_judge": _pairs(asked, judged),
        "asked_against_note_emotion": _pairs(asked, felt),
        "judge_median_of_real_music": [round(float(value), 3) for value in centre],
        "quadrants_right_by_judge": right_quadrants(asked, judged - centre),
        "quadrants_right_by_sign_of_judge": right_quadrants(asked, judged),
        "signs_right_by_judge": [round(float(value), 3) for value in ((asked >= 0) == (judged >= centre)).mean(axis=0)],
        "quadrants_right_by_note_emotion": right_quadrants(asked, felt),
        "by_quadrant_asked": {
            "pieces": check.pieces,
            "major_ratio": [round(value, 3) for value in check.major_ratio],
            "note_length_s": [round(value, 3) for value in check.note_length_s],
            "major_p": check.major_p,
            "note_length_p": check.length_p,
        },
        "form_within_5th_to_95th_percentile_of_real_music": {
            name: round(float(((shape[:, i] >= low[i]) & (shape[:, i] <= high[i])).mean()), 3)
            for i, name in enumerate(FORM)
        },
        "form_median": {name: round(float(np.median(shape[:, i])), 3) for i, name in enumerate(FORM)},
        "real_5th_50th_95th": {
            name: [round(float(value), 3) for value in np.quantile(real.form[:, i], (0.05, 0.5, 0.95))]
            for i, name in enumerate(FORM)
        },
        "judge": trust,
    }


def _pairs(asked: Floats, found: Floats) -> dict[str, dict[str, float]]:
    return {
        name: regression_metrics(asked[:, index], found[:, index]).rounded()
        for index, name in enumerate(("valence", "arousal"))
    }


async def run(given: argparse.Namespace) -> dict[str, Any]:
    """Compose, then measure."""
    random = np.random.default_rng(given.seed)
    wanted = random.uniform(-REACH, REACH, (given.pieces, 2))
    places = asyncio.Semaphore(_TOGETHER)
    async with serving([MODEL, "note_emotion"]) as client:
        start = time.perf_counter()
        answers = await asyncio.gather(
            *(
                compose(client, (float(v), float(a)), given.seconds, given.seed + index, given.candidates, places)
                for index, (v, a) in enumerate(wanted)
            )
        )
        wall = time.perf_counter() - start
    pieces = [piece for piece, _ in answers]
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        for index, piece in enumerate(pieces):
            name = f"{index:03d}_v{piece.asked[0]:+.2f}_a{piece.asked[1]:+.2f}.mid"
            (given.keep / name).write_bytes(piece.midi)
    found = report(pieces, np.stack([felt for _, felt in answers]), given.data, real_music(given.cache, given.seconds))
    return {"candidates": given.candidates, "seconds_each": given.seconds, "wall_s": round(wall, 1), **found}


def main() -> None:
    """Read the arguments, compose, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--candidates", type=int, default=DEFAULT_CANDIDATES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the MIDI files")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(given)), indent=2))


if __name__ == "__main__":
    main()
