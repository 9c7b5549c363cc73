"""Measure the exported picture model on held-out wishes: `python -m training.image_generator.evaluate`.

Every number is given beside that of the painter itself on the same wishes, which is the most the model could reach.
Writes metrics.json and a contact sheet to the run's folder.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from luce.server.vocabulary import Attributes, compose_prompt, vocabulary
from training.image_generator.data import HELD_OUT, SHARD, wish_of
from training.image_generator.decoder import Decoder
from training.image_generator.export import PIPELINE
from training.image_generator.folders import DATA, RUN, TARGET
from training.image_generator.judge import accuracy, trained_judge
from training.image_generator.model import Denoiser
from training.image_generator.sampler import padded, shifted
from training.image_generator.text import TextEncoder
from training.painter import paint
from training.painter.grade import luminance
from training.painter.sheet import tile

FIRST_WISH = (HELD_OUT + 500) * SHARD
"""Wishes from this seed on were never drawn for training, nor for the validation loss."""

Floats = npt.NDArray[Any]


class Generator:
    """The exported graphs, driven by a plain loop."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._denoiser, self._decoder = (
            onnxruntime.InferenceSession(str(folder / name), options, ["CPUExecutionProvider"])
            for name in ("denoiser.onnx", "decoder.onnx")
        )
        self._encoder = TextEncoder(threads=threads)

    def __call__(self, prompts: list[str], seed: int, steps: int, guidance: float) -> tuple[Floats, Floats]:
        """Small pictures (N, 3, 64, 64) and decoded ones (N, 3, 256, 256), both in [-1, 1]."""
        states, mask, pooled = (t.numpy() for t in padded(self._encoder([*prompts, *([""] * len(prompts))])))
        count = len(prompts)
        noise = [
            np.random.default_rng(seed + row).standard_normal((3, 64, 64), dtype=np.float32) for row in range(count)
        ]
        x = np.stack(noise)
        shift = float(str(PIPELINE["shift"]))
        for now, then in pairwise(shifted(np.linspace(0.0, 1.0, steps + 1), shift)):
            feeds = {
                "sample": np.concatenate([x, x]),
                "timestep": np.full(2 * count, now, dtype=np.float32),
                "encoder_hidden_states": states,
                "encoder_attention_mask": mask,
                "text_embeds": pooled,
            }
            velocity = self._denoiser.run(None, feeds)[0]
            told, untold = velocity[:count], velocity[count:]
            x = x + np.float32(then - now) * (untold + np.float32(guidance) * (told - untold))
        return np.clip(x, -1, 1), self._decoder.run(None, {"latents": x})[0]


def to_bytes(pictures: Floats) -> npt.NDArray[np.uint8]:
    """(N, 3, h, w) in [-1, 1] -> uint8 (N, h, w, 3)."""
    return (np.clip(pictures, -1, 1).transpose(0, 2, 3, 1) * 127.5 + 128).clip(0, 255).astype(np.uint8)


_MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "brightness": lambda p: luminance(p).mean((1, 2)).astype(np.float32),
    "contrast": lambda p: luminance(p).std((1, 2)).astype(np.float32),
    "warmth": lambda p: (p[..., 0] - p[..., 2]).mean((1, 2)).astype(np.float32),
    "colourfulness": lambda p: (p.max(-1) - p.min(-1)).mean((1, 2)).astype(np.float32),
}


def correlations(
    drawn: npt.NDArray[np.uint8], painted: npt.NDArray[np.uint8], wishes: list[Attributes]
) -> dict[str, float]:
    """Pearson r of colour statistics against the painter's, and of the asked emotion against the measured one."""
    found: dict[str, float] = {}
    a, b = drawn.astype(np.float32) / 255, painted.astype(np.float32) / 255
    for name, measure in _MEASURES.items():
        found[f"{name}, drawn and painted"] = float(np.corrcoef(measure(a), measure(b))[0, 1])
    valence, arousal = ([getattr(w, axis) for w in wishes] for axis in ("valence", "arousal"))
    for name, pixels in (("drawn", a), ("painted", b)):
        found[f"asked valence and brightness, {name}"] = float(
            np.corrcoef(valence, _MEASURES["brightness"](pixels))[0, 1]
        )
        found[f"asked arousal and colourfulness, {name}"] = float(
            np.corrcoef(arousal, _MEASURES["colourfulness"](pixels))[0, 1]
        )
    return found


def showcase() -> list[str]:
    """Prompts for the contact sheet: a few emotions in every scene."""
    rng = random.Random(11)
    prompts: list[str] = []
    for number, scene in enumerate(vocabulary().entries("scene")):
        for _ in range(2):
            wish, _ = wish_of(FIRST_WISH + 10_000 + len(prompts))
            prompts.append(compose_prompt(_in_scene(wish, scene, number), rng))
    return prompts


def _in_scene(wish: Attributes, scene: str, number: int) -> Attributes:
    fields: dict[str, Any] = {**wish.__dict__, "scene": scene, "subject": None}
    styles = list(vocabulary().entries("style"))
    return Attributes(**{**fields, "style": styles[number % len(styles)] if number % 2 else "photo"})


def main() -> None:
    """Draw, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=TARGET)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--data", type=Path, default=DATA, help="shards on which the judge learns")
    parser.add_argument("--count", type=int, default=192)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet-only", action="store_true")
    arguments = parser.parse_args()
    generator = Generator(arguments.model, arguments.threads)
    arguments.run.mkdir(parents=True, exist_ok=True)
    large = to_bytes(_in_eights(generator, showcase(), arguments.steps, arguments.guidance)[1])
    sheet = tile(list(large), 8).resize((8 * 130, 4 * 130), Image.Resampling.LANCZOS)
    sheet.convert("RGB").save(arguments.run / "sheet.png", optimize=True)
    tile(list(large[:16]), 4).save(arguments.run / "sheet_large.png")
    if arguments.sheet_only:
        return
    wishes = [wish_of(FIRST_WISH + row)[0] for row in range(arguments.count)]
    prompts = [compose_prompt(wish, random.Random(row)) for row, wish in enumerate(wishes)]
    drawn = to_bytes(_in_eights(generator, prompts, arguments.steps, arguments.guidance)[0])
    painted = np.stack([paint(wish, FIRST_WISH + row) for row, wish in enumerate(wishes)])
    judge = trained_judge(arguments.data, arguments.run / "judge")
    metrics = {
        "count": arguments.count,
        "steps": arguments.steps,
        "guidance_scale": arguments.guidance,
        "read_back_drawn": accuracy(judge, drawn, wishes),
        "read_back_painted": accuracy(judge, painted, wishes),
        "parameters": sum(p.numel() for p in Denoiser().parameters()),
        "decoder_parameters": sum(p.numel() for p in Decoder().parameters()),
        "correlations": correlations(drawn, painted, wishes),
    }
    (arguments.run / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(metrics, indent=1))


def _in_eights(generator: Generator, prompts: list[str], steps: int, guidance: float) -> tuple[Floats, Floats]:
    parts = [generator(prompts[i : i + 8], i, steps, guidance) for i in range(0, len(prompts), 8)]
    return np.concatenate([small for small, _ in parts]), np.concatenate([large for _, large in parts])


if __name__ == "__main__":
    main()
