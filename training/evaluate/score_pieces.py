"""Photographs and captions into music as it is served, and how that music feels: for ``score_music``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luce.emotion import Emotion
from luce.server.chain import DRUM_KIT, Chain, Controls, MusicMapper, Seer, lexicon
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler
from luce.server.music.composing.drafting import MODEL as COMPOSER
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.orchestra import DRUMS, INSTRUMENTS
from luce.server.music.composing.ordinary import strangeness
from luce.server.music.composing.performance import heard, perform
from luce.server.music.composing.planning import Moment, Wish, plan, time_signature_for, whole_bars
from luce.server.music.emotion_input import note_rows
from luce.server.vision import PictureReader
from training.midi_composer.judge import describe

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
SECONDS = 20.0
IN_FLIGHT = 16
DEADLINE_S = 900.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A composed piece.

    Attributes:
        asked: (2,) valence and arousal that were asked for.
        felt: (2,) likewise by ``note_emotion``.
        strange: how far it is from what music is like, as `strangeness` says.
        rows: (37,) descriptors, for a judge that had no part in it.
    """

    asked: Floats
    felt: Floats
    strange: float
    rows: Floats

    @property
    def distance(self) -> float:
        """What serving takes the least of: between what was asked for and what is felt, and from what music is like."""
        return float(np.hypot(np.hypot(*(self.felt - self.asked)), self.strange))


def names_of(controls: Controls) -> tuple[str, ...]:
    """The composer's names of the chain's instruments; what it does not have is left out, and drums alone too."""
    known = {instrument.program: name for name, instrument in INSTRUMENTS.items()} | {DRUM_KIT: DRUMS}
    choices = (lexicon().instruments[name].programs for name in controls.instruments)
    found = (next((known[program] for program in programs if program in known), None) for programs in choices)
    names = tuple(name for name in found if name is not None)
    return () if set(names) <= {DRUMS} else names


class Composer:
    """Photographs and captions into music, and music into feelings.

    Args:
        client: Of a server with `MODELS`.
        candidates: Of each piece; the one of the least `Piece.distance` is taken, as in serving.
    """

    def __init__(self, client: InferenceClient, candidates: int) -> None:
        self._client = client
        self._candidates = candidates
        self._embedder = TextEmbedder(client)
        self._feeler = TextFeeler(client)
        self._reader = PictureReader(client, DEADLINE_S)
        self._mapper = MusicMapper(client)
        self._places = asyncio.Semaphore(IN_FLIGHT)

    async def from_pictures(self, shown: Sequence[npt.NDArray[np.uint8]]) -> list[Piece]:
        """A piece for each picture, by the whole chain."""
        phrases = Seer.phrases()
        seer = Seer((await self._embedder.embed(phrases, deadline=DEADLINE_S)).vectors)
        seen = await self._reader.read(shown)

        async def one(index: int) -> Piece:
            what, pixels = seen[index], shown[index]
            impression = seer.look(what.embedding, what.emotion, pixels=pixels[::4, ::4], objects=what.objects)
            controls = Chain().think(impression, index).controls
            async with self._places:
                idea = await self._mapper.map(what.embedding, seed=index, deadline=DEADLINE_S)
            metre = time_signature_for(controls.metre)
            wish = Wish(
                moments=(Moment(SECONDS, what.emotion.valence, what.emotion.arousal),),
                embedding=idea.embedding,
                mode=controls.mode,
                time_signature=metre,
                tempo_bpm=whole_bars(controls.tempo_bpm, metre, SECONDS) if metre else None,
                instruments=names_of(controls),
            )
            return await self._nearest(wish, index)

        return list(await asyncio.gather(*map(one, range(len(shown)))))

    async def read(self, captions: Sequence[str]) -> Floats:
        """Valence and arousal of captions, (N, 2)."""
        felt = await self._feeler.feel(list(captions), deadline=DEADLINE_S)
        return np.array([[one.emotion.valence, one.emotion.arousal] for one in felt], np.float64)

    async def from_captions(self, captions: Sequence[str], asked: Floats) -> list[Piece]:
        """A piece for each caption, which is read and not reasoned about, asked to feel as it says, (N, 2)."""
        vectors = (await self._embedder.embed(captions, deadline=DEADLINE_S)).vectors

        async def one(index: int) -> Piece:
            emotion = Emotion(*(float(value) for value in asked[index]))
            moments = (Moment(SECONDS, emotion.valence, emotion.arousal),)
            return await self._nearest(Wish(moments=moments, embedding=vectors[index]), index)

        return list(await asyncio.gather(*map(one, range(len(captions)))))

    async def _nearest(self, wish: Wish, index: int) -> Piece:
        seeds = (self._candidates * index + number for number in range(self._candidates))
        pieces = await asyncio.gather(*(self._compose(wish, seed) for seed in seeds))
        return min(pieces, key=lambda piece: piece.distance)

    async def _compose(self, wish: Wish, seed: int) -> Piece:
        draft = Draft(plan(wish, seed), seed)
        async with self._places:
            while (tensors := draft.request()) is not None:
                answers = [answer async for answer in self._client.stream(COMPOSER, dict(tensors), deadline=DEADLINE_S)]
                draft.accept(answers[-1].outputs["tokens"].astype(np.int64))
        notes = heard(perform(draft.score, draft.plan.manner))
        rows = note_rows(notes, draft.plan.seconds, written=True)[-1:]
        felt = await self._client.infer("note_emotion", {"descriptors": rows}, deadline=DEADLINE_S)
        emotion = np.clip(felt.outputs["emotion"][0].astype(np.float64), -1.0, 1.0)
        (moment,) = wish.moments
        seconds, bars = draft.plan.seconds, draft.plan.bars
        strange = strangeness(notes, seconds, seconds / bars)
        return Piece(np.array([moment.valence, moment.arousal]), emotion, strange, describe(notes))
