"""Painted pictures with encoded captions, drawn into shards on disk as the training goes on.

A shard is a folder of arrays, made in one piece (it appears under its name when it is whole) and decided by its index
alone, so any machine draws the same data: `python -m training.image_generator.data --shards 0:20`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.vocabulary import Attributes, compose_prompt
from training.image_generator.text import TextEncoder
from training.painter import paint, sample_attributes

SIZE = 64
"""Side of a training picture."""
SHARD = 1500
"""Pictures in a shard."""
HELD_OUT = 1_000_000
"""Shards from this index on are never trained on."""


def wish_of(seed: int) -> tuple[Attributes, str]:
    """The attributes and the caption of one training picture."""
    rng = random.Random(seed)
    wish = sample_attributes(rng)
    return wish, compose_prompt(wish, rng, keep=1.0 if rng.random() < 0.45 else rng.uniform(0.4, 0.95))


def draw_shard(index: int, folder: Path, encoder: TextEncoder, count: int = SHARD) -> Path:
    """Draw one shard, unless it is there already; returns its folder."""
    target = folder / f"shard_{index:07d}"
    if target.exists():
        return target
    part = folder / f".{target.name}.{os.getpid()}"
    part.mkdir(parents=True, exist_ok=True)
    pictures = np.empty((count, SIZE, SIZE, 3), dtype=np.uint8)
    captions = []
    for row in range(count):
        seed = index * SHARD + row
        wish, caption = wish_of(seed)
        pictures[row] = paint(wish, seed, SIZE)
        captions.append(caption)
    encoded = encoder(captions)
    for name, array in (
        ("pictures", pictures),
        ("states", encoded.states),
        ("lengths", encoded.lengths),
        ("pooled", encoded.pooled),
    ):
        np.save(part / f"{name}.npy", array)
    if target.exists():
        shutil.rmtree(part)
    else:
        part.rename(target)
    return target


class Pictures:
    """The shards of a folder that are ready, as one data set that grows."""

    def __init__(self, folder: Path, *, held_out: bool = False) -> None:
        self._folder, self._held_out = folder, held_out
        self._shards: dict[Path, dict[str, npt.NDArray[np.generic]]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in the shards that have appeared."""
        for path in sorted(self._folder.glob("shard_*")):
            if path not in self._shards and (int(path.name[6:]) >= HELD_OUT) == self._held_out:
                arrays = {n: np.load(path / f"{n}.npy", mmap_mode="r") for n in ("pictures", "states", "pooled")}
                ends = np.cumsum(np.load(path / "lengths.npy"))
                self._shards[path] = {**arrays, "ends": ends}

    def __len__(self) -> int:
        return sum(len(shard["pictures"]) for shard in self._shards.values())

    def batch(
        self, rng: np.random.Generator, count: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16], npt.NDArray[np.float32], npt.NDArray[np.float16]]:
        """Random pictures, half of them mirrored (no caption says left or right).

        Returns:
            pictures uint8 (count, 64, 64, 3), token states float16 (count, L, 384), mask float32 (count, L),
            sentence embeddings float16 (count, 384), L being the longest caption of the batch.
        """
        shards = list(self._shards.values())
        chosen = [(shards[int(rng.integers(len(shards)))]) for _ in range(count)]
        rows = [int(rng.integers(len(shard["pictures"]))) for shard in chosen]
        spans = [(int(s["ends"][r - 1]) if r else 0, int(s["ends"][r])) for s, r in zip(chosen, rows, strict=True)]
        longest = max(end - start for start, end in spans)
        pictures = np.stack([s["pictures"][r] for s, r in zip(chosen, rows, strict=True)])
        pictures = np.where(rng.random(count)[:, None, None, None] < 0.5, pictures[:, :, ::-1], pictures)
        states = np.zeros((count, longest, 384), dtype=np.float16)
        mask = np.zeros((count, longest), dtype=np.float32)
        for place, (shard, (start, end)) in enumerate(zip(chosen, spans, strict=True)):
            states[place, : end - start] = shard["states"][start:end]
            mask[place, : end - start] = 1.0
        pooled = np.stack([s["pooled"][r] for s, r in zip(chosen, rows, strict=True)])
        return pictures, states, mask, pooled


def main() -> None:
    """Draw a range of shards, and two held-out ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/image_generator/data"))
    parser.add_argument("--shards", default="0:24", help="first:end")
    arguments = parser.parse_args()
    first, end = (int(part) for part in arguments.shards.split(":"))
    encoder = TextEncoder()
    for index in range(first, end):
        print(draw_shard(index, arguments.folder, encoder), flush=True)


if __name__ == "__main__":
    main()
