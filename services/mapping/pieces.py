"""From a wish to finished pieces: candidates, the nearest of them, its sound, its files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np

from luce.emotion import Emotion
from luce.server.inference import InferenceClient
from luce.server.jobs import JobContext
from luce.server.jobs.together import all_of
from luce.server.music.composing import drafting
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.ordinary import strangeness
from luce.server.music.composing.performance import heard, midi_bytes, perform
from luce.server.music.composing.piano_roll import piano_roll
from luce.server.music.composing.planning import Moment, Plan, Wish, plan
from luce.server.music.composing.score import METRES, Score
from luce.server.music.key import PITCH_CLASSES
from luce.server.sound import FORMATS, SAMPLE_RATE, Sound, Sounder, encode, encode_wav, read_performance
from luce.v1 import emotion_pb2, mapping_pb2, media_pb2
from services.mapping import judging
from services.mapping.accents import accented
from services.mapping.judging import Judgement, judge
from services.mapping.live import LiveSound
from services.mapping.orders import MusicOrder, candidate_seed, seed_of
from services.mapping.settings import MappingSettings
from services.mapping.writing import write

MAX_RESULT_BYTES: Final = 256 * 1024 * 1024
# Of the whole work, when each part is done.
BEGUN, WRITTEN, SOUNDED = 0.1, 0.75, 0.95

T = TypeVar("T")


class Planner(Protocol):
    """Such as ``planning.plan``."""

    def __call__(self, wish: Wish, *, seed: int) -> Plan:
        """The same wish and seed give the same plan."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What pieces are written from.

    Attributes:
        wish: Of the composer.
        title: In a few words.
        accents_s: Moments that are stressed, seconds.
        finish: Makes a video with this sound, where one is wanted.
        planner: Decides everything but the notes, by the wish and a seed.
    """

    wish: Wish
    title: str
    accents_s: tuple[float, ...] = ()
    finish: Callable[[Sound], Awaitable[bytes]] | None = None
    planner: Planner = plan


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    index: int
    draft: Draft
    judgement: Judgement
    strange: float


class Composer:
    """Writes pieces. One instance serves any number of jobs at once.

    Args:
        inference: A client of the model server.
        sounder: Makes sound of notes.
        settings: Time limits, threads.
    """

    def __init__(self, inference: InferenceClient, sounder: Sounder, settings: MappingSettings) -> None:
        self._inference = inference
        self._sounder = sounder
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.renderers, thread_name_prefix="sound")

    def close(self) -> None:
        """Take no more work; what is being rendered ends on its own."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def compose(self, works: Sequence[Work], order: MusicOrder, context: JobContext) -> list[mapping_pb2.Piece]:
        """A piece of each work, written side by side, then sounded and stored; each is told as soon as it is there.

        The same works, order and seed give the same bytes.

        Raises:
            InvalidArgument: Something that was asked for cannot be.
            Unavailable, DeadlineExceeded: The model server is away until the deadline.
        """
        board = _Board(context, len(works) * order.candidates)
        with context.stage("compose"):
            await context.progress("compose", BEGUN)
            chosen = await all_of([self._choose(work, order, piece, board) for piece, work in enumerate(works)])
        pieces = []
        for index, (work, candidate) in enumerate(zip(works, chosen, strict=True)):
            share = (WRITTEN + (SOUNDED - WRITTEN) * index / len(chosen), (SOUNDED - WRITTEN) / len(chosen))
            piece = await self._finish(work, order, candidate, seed_of(context.seed, index), share, context)
            await context.partial(piece=piece)
            pieces.append(piece)
        return pieces

    async def _choose(self, work: Work, order: MusicOrder, piece: int, board: _Board) -> _Candidate:
        """The candidate that feels nearest to the wish and is most like music; of equals the first."""
        seed = seed_of(board.context.seed, piece)
        seeds = [candidate_seed(seed, index) for index in range(order.candidates)]
        tries = [self._try(work, order, piece, index, one, board) for index, one in enumerate(seeds)]
        candidates = await all_of(tries)
        return min(
            candidates, key=lambda one: (np.hypot(one.judgement.distance(work.wish.moments), one.strange), one.index)
        )

    async def _try(self, work: Work, order: MusicOrder, piece: int, index: int, seed: int, board: _Board) -> _Candidate:
        context = board.context
        patiently = context.patience(self._settings.outage_pause_s)
        chosen = await self._run(lambda: work.planner(work.wish, seed=seed))
        live = None
        if order.stream and index == 0:
            live = LiveSound(self._sounder.stream(), chosen.manner, seconds_of(work.wish))

        async def attempt() -> Draft:
            draft = Draft(chosen, seed)

            async def on_bars(score: Score) -> None:
                await board.written(piece * order.candidates + index, score.bars / chosen.bars)
                if live is not None:
                    await self._let_hear(live, score, piece, draft.done, context)

            version = await write(self._inference, draft, timeout_s=self._settings.compose_timeout_s, on_bars=on_bars)
            context.used_model(drafting.MODEL, version)
            return draft

        draft = await patiently(attempt)
        played = perform(draft.score, chosen.manner)

        async def feel() -> Judgement:
            timeout_s = self._settings.infer_timeout_s
            return await judge(self._inference, heard(played), chosen.seconds, timeout_s=timeout_s)

        judgement = await patiently(feel)
        context.used_model(judging.MODEL, judgement.version)
        notes, bar_s = heard(played), chosen.seconds / chosen.bars
        strange = await self._run(strangeness, notes, chosen.seconds, bar_s)
        return _Candidate(index, draft, judgement, strange)

    async def _let_hear(self, live: LiveSound, score: Score, piece: int, ends: bool, context: JobContext) -> None:
        chunk = await self._run(lambda: live.advance(score, ends=ends))
        if chunk is not None:
            wav = await self._run(encode_wav, chunk.samples)
            await context.audio(
                wav,
                piece=piece,
                index=chunk.index,
                start_s=chunk.start_s,
                duration_s=len(chunk.samples) / SAMPLE_RATE,
                last=chunk.last,
            )

    async def _finish(
        self,
        work: Work,
        order: MusicOrder,
        candidate: _Candidate,
        seed: int,
        share: tuple[float, float],
        context: JobContext,
    ) -> mapping_pb2.Piece:
        score, manner = candidate.draft.score, candidate.draft.plan.manner
        at, width = share
        await context.progress("sound", at)
        with context.stage("sound"):
            midi = await self._run(lambda: midi_bytes(score, manner, title=work.title))
            if work.accents_s:
                midi = await self._run(accented, midi, work.accents_s, manner.bpm)
            sound = await self._run(lambda: self._sounder.render(read_performance(midi), seconds_of(work.wish)))
            audio = await self._run(encode, sound.samples, order.audio_format)
            roll = await self._run(lambda: piano_roll(score, manner, title=work.title))
        await context.progress("store", at + 0.8 * width)
        name = f"luce-{seed}"
        video = None
        if work.finish is not None:
            with context.stage("mux"):
                video = await work.finish(sound)
        with context.stage("store"):
            suffix = order.audio_format
            piece = mapping_pb2.Piece(
                midi=await _store(midi, "audio/midi", f"{name}.mid", context),
                audio=await _store(audio, FORMATS[suffix].media_type, f"{name}.{suffix}", context),
                piano_roll=await _store(roll, "image/png", f"{name}.png", context),
            )
            if video is not None:
                piece.video.CopyFrom(await _store(video, "video/mp4", f"{name}.mp4", context))
        return _told(piece, work.wish.moments, candidate, order, seed, sound)

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


class _Board:
    """How far all candidates are, together."""

    def __init__(self, context: JobContext, count: int) -> None:
        self.context = context
        self._shares = [0.0] * count

    async def written(self, index: int, share: float) -> None:
        self._shares[index] = max(self._shares[index], share)
        done = sum(self._shares) / len(self._shares)
        await self.context.progress("compose", BEGUN + (WRITTEN - BEGUN) * done)


def seconds_of(wish: Wish) -> float:
    """Length of what is wished for."""
    return sum(moment.seconds for moment in wish.moments)


def mean_emotion(moments: Sequence[Moment]) -> Emotion:
    """The feeling of all moments together."""
    weights = [moment.seconds for moment in moments]
    valence = float(np.average([moment.valence for moment in moments], weights=weights))
    return Emotion(valence, float(np.average([moment.arousal for moment in moments], weights=weights)))


async def _store(data: bytes, media_type: str, filename: str, context: JobContext) -> media_pb2.BlobRef:
    return await context.objects.put(
        data,
        media_type=media_type,
        filename=filename,
        owner=context.owner,
        max_bytes=MAX_RESULT_BYTES,
        kind="result",
    )


def _told(
    piece: mapping_pb2.Piece,
    moments: Sequence[Moment],
    candidate: _Candidate,
    order: MusicOrder,
    seed: int,
    sound: Sound,
) -> mapping_pb2.Piece:
    """The piece with what there is to say of it."""
    score, manner = candidate.draft.score, candidate.draft.plan.manner
    asked, whole = mean_emotion(moments), candidate.judgement.whole
    piece.duration_s, piece.seed = sound.seconds, seed
    piece.asked.CopyFrom(emotion_pb2.Emotion(valence=asked.valence, arousal=asked.arousal))
    piece.obtained.CopyFrom(emotion_pb2.Emotion(valence=whole.valence, arousal=whole.arousal))
    piece.obtained_curve.CopyFrom(candidate.judgement.curve())
    piece.key = f"{PITCH_CLASSES[manner.tonic]} {'minor' if manner.minor else 'major'}"
    piece.time_signature, piece.tempo_bpm = METRES[score.metre].name, manner.bpm
    piece.instruments.extend(manner.orchestra.names)
    piece.candidate, piece.candidates = candidate.index, order.candidates
    piece.loudness_lufs = sound.loudness_lufs
    piece.notes = len(perform(score, manner))
    return piece
