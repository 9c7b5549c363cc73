"""Captions of windows, one at a time and up to 16 in flight: tokens per second, and the gain of shared steps.

    python -m loadtests.captioning

Windows of the songs in `examples/songs` are encoded once; then the same captions of 50 tokens are written for each
number in flight, in turns, and medians are told. Starts a Triton of its own with the models that hear and write.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from loadtests.models import hearing_models
from luce.server.inference import InferenceClient
from luce.server.media import MediaSettings
from luce.server.media.audio import decode
from luce.server.music.captions import prefix
from luce.server.music.log_mel import log_mel_windows, resample
from luce.server.music.spectra import FloatArray

SONGS = Path(__file__).parents[1] / "examples" / "songs"
TOGETHER = (1, 4, 16)
CAPTIONS = 32
TOKENS = 50
DEADLINE_S = 120.0


async def encode(client: InferenceClient) -> list[tuple[FloatArray, FloatArray]]:
    """Audio tokens and tags of the windows of all songs, repeated up to `CAPTIONS`."""
    found: list[tuple[FloatArray, FloatArray]] = []
    for song in sorted(SONGS.glob("*.ogg")):
        _, mels = log_mel_windows(resample(decode(song, MediaSettings()).samples))
        heard = (await client.infer("audio_encoder", {"log_mel": mels}, deadline=DEADLINE_S)).outputs
        found += [(tokens, tags) for tokens, tags in zip(heard["audio_tokens"], heard["tags"], strict=True)]
    return [found[index % len(found)] for index in range(CAPTIONS)]


async def write(client: InferenceClient, windows: list[tuple[FloatArray, FloatArray]], together: int) -> float:
    """Tokens per second of all captions, so many in flight; all are of one length."""
    slots = asyncio.Semaphore(together)
    count = 0

    async def one(tokens: FloatArray, tags: FloatArray) -> None:
        nonlocal count
        inputs = {
            "audio_tokens": tokens[np.newaxis],
            "tags": tags[np.newaxis],
            "prefix": prefix("whole", TOKENS)[np.newaxis],
            "max_tokens": np.array([[TOKENS]], np.int32),
        }
        async with slots:
            *_, last = [answer async for answer in client.stream("music_captioner", inputs, deadline=DEADLINE_S)]
        count += int(last.outputs["count"].item())

    started = time.perf_counter()
    await asyncio.gather(*(one(tokens, tags) for tokens, tags in windows))
    return count / (time.perf_counter() - started)


async def measure(rounds: int) -> dict[int, list[float]]:
    """Tokens per second of each round, by the number in flight; the rounds take turns."""
    found: dict[int, list[float]] = {together: [] for together in TOGETHER}
    with tempfile.TemporaryDirectory(prefix="luce-captioning-") as folder:
        async with hearing_models(Path(folder), ["audio_encoder", "music_captioner"]) as client:
            windows = await encode(client)
            await write(client, windows, 16)
            for _ in range(rounds):
                for together in TOGETHER:
                    found[together].append(await write(client, windows, together))
    return found


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="repetitions, of which the median counts (%(default)s)")
    found = asyncio.run(measure(parser.parse_args().rounds))
    rows = {}
    for together, rates in found.items():
        gains = [rate / alone for rate, alone in zip(rates, found[1], strict=True)]
        rows[together] = {
            "tokens_per_s": round(statistics.median(rates), 1),
            "best": round(max(rates), 1),
            "times_one_at_a_time": round(statistics.median(gains), 2),
        }
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
