"""Does the music feel as the photograph does? The whole chain on photographs that nothing was trained on.

Run ``python -m training.evaluate.score_music --data FOLDER``, where FOLDER holds ``oasis``: photographs that about a
hundred people each rated (Kurdi, Lozano & Banaji 2017). Each is looked at (``image_encoder``, ``image_emotion``),
thought about (``luce.server.chain``), composed (``midi_composer``), and the notes are felt by ``note_emotion``, all on
a real Triton. Beside it a baseline that reads the caption alone (``text_emotion``), as "LLM2music" does in CoT-VTM's
table 5, and the same music dealt to other photographs. Writes ``model_repository/embed_diffusion/match.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from luce.emotion import Emotion
from luce.server.chain import DRUM_KIT, Chain, Controls, MusicMapper, Seer, lexicon
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler
from luce.server.measures import ems, va_similarity
from luce.server.music.composing.drafting import MODEL as COMPOSER
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.orchestra import DRUMS, INSTRUMENTS
from luce.server.music.composing.performance import heard, perform
from luce.server.music.composing.planning import TIME_SIGNATURES, Moment, Wish, plan
from luce.server.music.composing.score import METRES
from luce.server.music.emotion_input import note_rows
from luce.server.vision import PictureReader
from training.evaluate.serving import REPOSITORY, serving
from training.image_encoder import pictures

MODELS = (
    "image_encoder",
    "image_emotion",
    "text_encoder",
    "text_emotion",
    "latent_mapper",
    "embed_diffusion",
    COMPOSER,
    "note_emotion",
)
REPORT = REPOSITORY / "embed_diffusion" / "match.json"
SECONDS = 20.0
IN_FLIGHT = 16
DEADLINE_S = 300.0


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


def compare(name: str, rated: npt.NDArray[np.float64], music: npt.NDArray[np.float64]) -> Match:
    """A row of the table; both are (n, 2), valence and arousal."""
    return Match(
        name,
        float(va_similarity(rated, music).mean()),
        ems(rated, music),
        float(np.corrcoef(rated[:, 0], music[:, 0])[0, 1]),
        float(np.corrcoef(rated[:, 1], music[:, 1])[0, 1]),
    )


def paired(
    rated: npt.NDArray[np.float64], ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Mean advantage of the first music's match over the second's, and its p (Wilcoxon's signed-rank, one-sided)."""
    gain = va_similarity(rated, ours) - va_similarity(rated, theirs)
    if not gain.any():
        return 0.0, 1.0
    return float(gain.mean()), float(stats.wilcoxon(gain, alternative="greater").pvalue)


def names_of(controls: Controls) -> tuple[str, ...]:
    """The composer's names of the chain's instruments; those that it does not have are left out."""
    known = {instrument.program: name for name, instrument in INSTRUMENTS.items()} | {DRUM_KIT: DRUMS}
    choices = (lexicon().instruments[name].programs for name in controls.instruments)
    found = (next((known[program] for program in programs if program in known), None) for programs in choices)
    return tuple(name for name in found if name is not None)


def whole_bars(controls: Controls) -> float | None:
    """The tempo nearest to the chain's at which whole bars fill the time, as ``services/mapping`` asks for it."""
    if controls.metre not in TIME_SIGNATURES:
        return None
    quarters = METRES[TIME_SIGNATURES.index(controls.metre)].quarters
    return max(1, round(SECONDS * controls.tempo_bpm / 60 / quarters)) * quarters * 60 / SECONDS


class Composer:
    """Photographs and captions into music, and music into feelings.

    Args:
        client: of a server with `MODELS`.
    """

    def __init__(self, client: InferenceClient) -> None:
        self._client = client
        self._embedder = TextEmbedder(client)
        self._feeler = TextFeeler(client)
        self._reader = PictureReader(client, DEADLINE_S)
        self._mapper = MusicMapper(client)
        self._places = asyncio.Semaphore(IN_FLIGHT)

    async def from_pictures(self, shown: Sequence[npt.NDArray[np.uint8]]) -> list[Emotion]:
        """The feeling of the music for each picture, by the whole chain."""
        phrases = Seer.phrases()
        seer = Seer((await self._embedder.embed(phrases, deadline=DEADLINE_S)).vectors)
        seen = await self._reader.read(shown)

        async def one(index: int) -> Emotion:
            what, pixels = seen[index], shown[index]
            impression = seer.look(what.embedding, what.emotion, pixels=pixels[::4, ::4], objects=what.objects)
            controls = Chain().think(impression, index).controls
            idea = await self._mapper.map(what.embedding, seed=index, deadline=DEADLINE_S)
            wish = Wish(
                moments=(Moment(SECONDS, what.emotion.valence, what.emotion.arousal),),
                embedding=idea.embedding,
                mode=controls.mode,
                time_signature=controls.metre if controls.metre in TIME_SIGNATURES else None,
                tempo_bpm=whole_bars(controls),
                instruments=names_of(controls),
            )
            return await self._compose(wish, index)

        return list(await asyncio.gather(*map(one, range(len(shown)))))

    async def from_captions(self, captions: Sequence[str]) -> list[Emotion]:
        """The feeling of the music for each caption, which is read and not reasoned about."""
        felt = await self._feeler.feel(list(captions), deadline=DEADLINE_S)
        vectors = (await self._embedder.embed(captions, deadline=DEADLINE_S)).vectors

        async def one(index: int) -> Emotion:
            emotion = felt[index].emotion
            wish = Wish(moments=(Moment(SECONDS, emotion.valence, emotion.arousal),), embedding=vectors[index])
            return await self._compose(wish, index)

        return list(await asyncio.gather(*map(one, range(len(captions)))))

    async def _compose(self, wish: Wish, seed: int) -> Emotion:
        draft = Draft(plan(wish, seed), seed)
        async with self._places:
            while (tensors := draft.request()) is not None:
                answers = [answer async for answer in self._client.stream(COMPOSER, dict(tensors), deadline=DEADLINE_S)]
                draft.accept(answers[-1].outputs["tokens"].astype(np.int64))
        notes = heard(perform(draft.score, draft.plan.manner))
        rows = note_rows(notes, draft.plan.seconds, written=True)[-1:]
        felt = await self._client.infer("note_emotion", {"descriptors": rows}, deadline=DEADLINE_S)
        valence, arousal = np.clip(felt.outputs["emotion"][0], -1.0, 1.0)
        return Emotion(float(valence), float(arousal))


async def measure(known: Sequence[pictures.Known]) -> tuple[list[Match], float, float]:
    """The rows of the table, and what the picture brings over its caption (mean, p)."""
    rated = np.array([picture.emotion for picture in known], np.float64)
    async with serving(MODELS) as client:
        composer = Composer(client)
        seen = await composer.from_pictures([picture.open() for picture in known])
        read = await composer.from_captions([f"A photo of {picture.texts[0]}." for picture in known])
    ours, theirs = (np.array([[e.valence, e.arousal] for e in felt], np.float64) for felt in (seen, read))
    dealt = ours[np.random.default_rng(0).permutation(len(ours))]
    rows = [
        compare("picture → chain → music", rated, ours),
        compare("caption → music", rated, theirs),
        compare("the first, dealt to other photographs", rated, dealt),
    ]
    return rows, *paired(rated, ours, theirs)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--most", type=int, default=1000, help="photographs")
    given = parser.parse_args()
    known = [picture for picture in pictures.oasis(given.data) if picture.held_out][: given.most]
    rows, gain, p = asyncio.run(measure(known))
    print(f"{len(known)} held-out photographs, rated by people; {SECONDS:.0f} s of music each\n")
    print(f"{'':40s}  match↑   EMS↓  r valence  r arousal")
    for row in rows:
        print(f"{row.name:40s}  {row.match:.3f}  {row.ems:.3f}  {row.valence_r:9.2f}  {row.arousal_r:9.2f}")
    print(f"\nabove the caption by {gain:+.3f} (Wilcoxon's signed-rank, one-sided: p = {p:.2g})")
    told = {"photographs": len(known), "rows": [asdict(row) for row in rows], "above_caption": gain, "p": p}
    REPORT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
