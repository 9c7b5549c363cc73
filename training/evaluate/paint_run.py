"""Every clip under every condition, through the running stack, kept row by row so that a long run can be stopped."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from luce import AsyncClient, MusicDescription, Prompt
from luce._requests import AgentOptions
from luce.server.measures import look_of, sem_score
from luce.server.media.image import decode
from training.evaluate.paint_clips import Clip

ROOT = Path(__file__).parents[2]
PROMPTS = 4
"""Prompts of each clip, the k of MESA-MIG."""

CONDITIONS: dict[str, AgentOptions] = {
    "full": {},
    "w/o verb": {"without": ("verb",)},
    "w/o composition": {"without": ("composition",)},
    "w/o colour": {"without": ("colour",)},
    "w/o style": {"without": ("style",)},
    "caption-only": {"baseline": "caption_only"},
    "single-agent": {"baseline": "single_agent"},
}
BEST = "best of 4"
"""The full system that keeps the best of four pictures; its prompts are those of `full`."""
_CANDIDATES = 4
_SEED = 7


@dataclass(frozen=True)
class Row:
    """One clip under one condition.

    Attributes:
        clip: its name.
        condition: one of `CONDITIONS`, or `BEST`.
        truth: valence and arousal as people say, where they were asked.
        heard: valence and arousal as `music_emotion` hears them.
        caption: of the music.
        prompts: the k prompts.
        attributes: of each prompt, kind to words.
        vocabulary: of each prompt, kind to name.
        sem_scores: of each prompt, similarity to its scene, or where it has none to the caption.
        picture: how the picture of the first prompt feels (valence, arousal), keeps to its words (text_similarity) and
            looks (the fields of `luce.server.measures.Look`); None where none was painted.
    """

    clip: str
    condition: str
    truth: list[float] | None
    heard: list[float]
    caption: str
    prompts: list[str]
    attributes: list[dict[str, str]]
    vocabulary: list[dict[str, str]]
    sem_scores: list[float]
    picture: dict[str, float] | None = field(default=None)


class Rows:
    """The rows in a file, one JSON object a line; they are found again by clip and condition."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[str, str], Row] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = Row(**json.loads(line))
                self._rows[row.clip, row.condition] = row

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def get(self, clip: str, condition: str) -> Row | None:
        """The row, where it is there."""
        return self._rows.get((clip, condition))

    def add(self, row: Row) -> None:
        """Keep a row, in place of an older one."""
        self._rows[row.clip, row.condition] = row
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def fingerprint() -> str:
    """What rows hang on: the models, the agents and their vocabulary, as 12 hexadecimal digits."""
    digest = hashlib.sha256()
    patterns = ("model_repository/*/1/*.onnx", "services/agents/**/*.py", "luce/server/vocabulary/*")
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


async def run(
    client: AsyncClient,
    clips: Iterable[Clip],
    rows: Rows,
    *,
    painted: set[str],
    pictures: int,
    steps: int,
    at_once: int = 4,
    brief: bool = False,
) -> None:
    """Fill in what is missing.

    Args:
        client: of the running stack.
        clips: taken one by one.
        rows: what is there, and where new rows go.
        painted: the conditions under which pictures are painted.
        pictures: of how many clips, the first ones.
        steps: denoising steps of a picture.
        at_once: clips in flight; their pictures share the model's batch.
        brief: the music is only measured and felt; what was measured in words then stands for the caption.
    """
    places = asyncio.Semaphore(at_once)
    async with asyncio.TaskGroup() as group:
        for number, clip in enumerate(clips):
            await places.acquire()
            task = group.create_task(_clip(client, clip, rows, painted if number < pictures else set(), steps, brief))
            task.add_done_callback(lambda _: places.release())


async def _clip(client: AsyncClient, clip: Clip, rows: Rows, painted: set[str], steps: int, brief: bool) -> None:
    wanted = [*CONDITIONS, *(condition for condition in (BEST,) if condition in painted)]
    missing = [name for name in wanted if _lacks(rows.get(clip.name, name), painted=name in painted)]
    if not missing:
        return
    music = await client.describe(clip.audio, brief=brief)
    for condition in missing:
        rows.add(await _row(client, clip, music, condition, condition in painted, steps))


def _lacks(row: Row | None, *, painted: bool) -> bool:
    return row is None or (painted and row.picture is None)


async def _row(
    client: AsyncClient, clip: Clip, music: MusicDescription, condition: str, paint: bool, steps: int
) -> Row:
    options = CONDITIONS.get(condition, {})
    imagined = await client.imagine(music, n=PROMPTS, seed=_SEED, **options)
    caption = music.caption or music.summary
    row = Row(
        clip=clip.name,
        condition=condition,
        truth=None if clip.truth is None else [clip.truth.valence, clip.truth.arousal],
        heard=[music.emotion.valence, music.emotion.arousal],
        caption=caption,
        prompts=[prompt.text for prompt in imagined.prompts],
        attributes=[dict(prompt.attributes) for prompt in imagined.prompts],
        vocabulary=[dict(prompt.vocabulary) for prompt in imagined.prompts],
        sem_scores=await _sem_scores(client, imagined.prompts, caption),
    )
    if not paint:
        return row
    return Row(**{**asdict(row), "picture": await _picture(client, clip, imagined.prompts[0], condition, steps)})


async def _sem_scores(client: AsyncClient, prompts: Sequence[Prompt], caption: str) -> list[float]:
    texts = [prompt.text for prompt in prompts]
    places = [prompt.attributes.get("scene") or caption for prompt in prompts]
    vectors = (await client.embed([*texts, *places])).vectors
    found = sem_score(np.array(vectors[: len(texts)]), np.array(vectors[len(texts) :]))
    return [float(value) for value in found]


async def _picture(client: AsyncClient, clip: Clip, prompt: Prompt, condition: str, steps: int) -> dict[str, float]:
    """Paint a prompt as it stands; for the best of several the service must hear the music too."""
    if condition == BEST:
        painting = await client.paint(clip.audio, seed=_SEED, steps=steps, best_of=_CANDIDATES)
    else:
        painting = await client.paint(None, prompt.text, seed=_SEED, steps=steps, negative_prompt=prompt.negative_text)
    (image,) = painting.images
    if image.measures is None:
        raise RuntimeError("the server does not measure pictures")
    beauty = {} if image.measures.aesthetic is None else {"aesthetic": image.measures.aesthetic}
    return beauty | {
        "valence": image.measures.emotion.valence,
        "arousal": image.measures.emotion.arousal,
        "text_similarity": image.measures.text_similarity,
        **asdict(look_of(decode(image.data))),
    }
