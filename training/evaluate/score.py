"""From pictures to music as CoT-VTM measures it: its table, its ablations, and the time of the mapping.

Run ``python -m training.evaluate.score`` after the trainings of the two ablations of ``training.embed_diffusion``
(``make evaluate-score DATA=FOLDER`` does all of it). What is served runs on a real Triton.
The rows are descriptions, captions and photographs that no model was trained on. Writes
``model_repository/embed_diffusion/metrics.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luce.server.chain import MusicMapper
from luce.server.inference import InferenceClient
from training.chain_of_thought.embed import Sentences
from training.embed_diffusion.export import STEPS, export
from training.embed_diffusion.train import resume
from training.evaluate.score_measures import EmotionProbe, Judge, Row, Vectors, genre_phrases
from training.evaluate.serving import REPOSITORY, serving
from training.latent_mapper.network import WIDTH
from training.latent_mapper.pairs import Pairs, load_pairs
from training.latent_mapper.served import served_mapper
from training.latent_mapper.train import visual_of

METRICS = REPOSITORY / "embed_diffusion" / "metrics.json"
UNREASONED = "embed_diffusion_unreasoned"
MUSICS = 2
"""Musics for each row."""
TIMED = 20
"""Mappings timed with each sampler, in turn."""
PUBLISHED_STEPS = 200
IN_FLIGHT = 16
DEADLINE_S = 120.0
PUBLISHED = """CoT-VTM, table 4 (video to music, audio embedded by PANNs and MERT):
  E_v → MLP → E_r → MLP → E_m         FD 44.9  KL 1.31  P@10 31.4
  E_v → EmbedDiff → E_m               FD 37.0  KL 1.22  P@10 24.6
  E_v → MLP → E_r → EmbedDiff → E_m   FD 34.0  KL 1.21  P@10 31.5
Other embeddings, classifiers and data: compare the order of the rows, not the figures."""


class Mappings:
    """The served mappings.

    Args:
        client: of the server.
        visual: (n, 384), what was seen.
    """

    def __init__(self, client: InferenceClient, visual: Vectors) -> None:
        self._client = client
        self._visual = visual
        self._places = asyncio.Semaphore(IN_FLIGHT)

    async def rationales(self) -> Vectors:
        """(n, 384), by ``latent_mapper``."""
        parts = [self._visual[start : start + 64] for start in range(0, len(self._visual), 64)]
        answers = [await self._client.infer("latent_mapper", {"visual": part}, deadline=DEADLINE_S) for part in parts]
        return np.concatenate([answer.outputs["rationale"] for answer in answers])

    async def sample(self, model: str, rationale: Vectors, steps: int, scheduler: str) -> Vectors:
        """(`MUSICS`, n, 384), each with a seed of its own."""

        async def one(row: int, music: int) -> Vectors:
            inputs: dict[str, Any] = {
                "visual": self._visual[row : row + 1],
                "rationale": rationale[row : row + 1],
                "seed": np.array([[MUSICS * row + music]], np.uint64),
                "steps": np.array([[steps]], np.int32),
                "scheduler": np.array([[scheduler]], np.object_),
            }
            async with self._places:
                answers = [a async for a in self._client.stream(model, inputs, deadline=DEADLINE_S)]
            return np.array(answers[-1].outputs["embedding"][0], np.float32)

        tasks = [one(row, music) for music in range(MUSICS) for row in range(len(self._visual))]
        found = np.stack(await asyncio.gather(*tasks))
        return found.reshape(MUSICS, len(self._visual), WIDTH)

    async def times(self, ways: Sequence[tuple[int, str]]) -> list[list[float]]:
        """Milliseconds of `TIMED` whole mappings E_v → E_m with each (steps, scheduler), one in flight, in turn."""
        mapper = MusicMapper(self._client)
        found: list[list[float]] = [[] for _ in ways]
        for turn in range(TIMED + 1):
            for place, (steps, scheduler) in enumerate(ways):
                begin = time.perf_counter()
                visual = self._visual[turn % len(self._visual)]
                await mapper.map(visual, seed=turn, steps=steps, scheduler=scheduler, deadline=DEADLINE_S)
                if turn:
                    found[place].append(1000.0 * (time.perf_counter() - begin))
        return found


async def measure(held_out: Pairs, judge: Judge, steps: int) -> tuple[list[Row], dict[str, float]]:
    """The rows of the table, and the times."""
    visual = visual_of(held_out).numpy()
    rows = [judge.judge("E_v → MLP → E_r → MLP → E_m", _regression(held_out))]
    with tempfile.TemporaryDirectory(prefix="luce-score-") as folder:
        models = _repository(Path(folder))
        async with serving(models, Path(folder)) as client:
            mappings = Mappings(client, visual)
            rationale = await mappings.rationales()
            if UNREASONED in models:
                found = await mappings.sample(UNREASONED, np.zeros_like(rationale), steps, "dpm_multistep")
                rows.append(judge.judge("E_v → EmbedDiff → E_m", found))
            found = await mappings.sample("embed_diffusion", rationale, steps, "dpm_multistep")
            rows.append(judge.judge(f"E_v → MLP → E_r → EmbedDiff → E_m, {steps} steps", found))
            found = await mappings.sample("embed_diffusion", rationale, PUBLISHED_STEPS, "ddpm")
            rows.append(judge.judge(f"the same, {PUBLISHED_STEPS} ancestral steps", found))
            few, many = await mappings.times([(steps, "dpm_multistep"), (PUBLISHED_STEPS, "ddpm")])
    times = {
        "few_ms": statistics.median(few),
        "many_ms": statistics.median(many),
        "ratio": statistics.median(m / f for f, m in zip(few, many, strict=True)),
    }
    return rows, times


def _regression(held_out: Pairs) -> Vectors:
    """The ablation that is not served: a perceptron for E_m, in this process."""
    state = resume("regression", None)
    if state is None:
        raise SystemExit("train the ablation first: python -m training.embed_diffusion.train --variant regression")
    visual = visual_of(held_out)
    with torch.no_grad():
        both = torch.cat([visual, served_mapper()(visual)], 1)
        music = state.average(both) * WIDTH**0.5 * state.deviation + state.mean
    return torch.nn.functional.normalize(music).numpy()[None]


def _repository(folder: Path) -> list[str]:
    """The served models and the ablation without reasons, side by side."""
    for name in ("latent_mapper", "embed_diffusion"):
        (folder / name).symlink_to(REPOSITORY / name, target_is_directory=True)
    state = resume("unreasoned", None)
    if state is None:
        raise SystemExit("train the ablation first: python -m training.embed_diffusion.train --variant unreasoned")
    export(state, folder / UNREASONED / "1")
    text = (REPOSITORY / "embed_diffusion" / "config.pbtxt").read_text(encoding="utf-8")
    text = text.replace('name: "embed_diffusion"', f'name: "{UNREASONED}"')
    (folder / UNREASONED / "config.pbtxt").write_text(text, encoding="utf-8")
    return ["latent_mapper", "embed_diffusion", UNREASONED]


def show(rows: Sequence[Row], times: dict[str, float], count: int, pictured: int) -> None:
    """Print the table."""
    print(f"{count} held-out rows, {pictured} of them from photographs; {MUSICS} musics each\n")
    print(f"{'':48s}  FD·1000↓   KL↓   EMS↓  P@10↑  spread")
    for row in rows:
        figures = f"{row.frechet:8.1f}  {row.divergence:.3f}  {row.ems:.3f}  {row.hits:4.1f}%  {row.spread:.3f}"
        print(f"{row.name:48s}  {figures}")
    print(
        f"\nE_v → E_m through Triton: {times['few_ms']:.1f} ms in few steps, {times['many_ms']:.0f} ms by the "
        f"published sampler: 1/{times['ratio']:.1f} of the time\n\n{PUBLISHED}"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the fast sampler")
    parser.add_argument("--most", type=int, default=10_000, help="held-out rows, taken evenly")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pairs, held_out = load_pairs()
    held_out = held_out.take(np.unique(np.linspace(0, len(held_out) - 1, given.most).round().astype(np.int64)))
    probe = EmotionProbe(pairs.music.numpy(), pairs.emotion)
    judge = Judge(held_out.music.numpy(), held_out.emotion, Sentences()(genre_phrases()), probe)
    rows, times = asyncio.run(measure(held_out, judge, given.steps))
    pictured = int(held_out.pictured.sum())
    show(rows, times, len(held_out), pictured)
    told = {
        "held_out_rows": len(held_out),
        "from_photographs": pictured,
        "steps": given.steps,
        "rows": [asdict(row) for row in rows],
        "times": times,
        "load": os.getloadavg()[0],
    }
    METRICS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
