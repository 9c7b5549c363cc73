"""A recording of three minutes described, and the memory that a recording of an hour takes.

    python -m loadtests.describe
    python -m loadtests.describe --minutes 60 --brief

The recording is made of the songs in `examples/songs`, over and over, as mp3. Starts a Triton of its own; decoding,
analysis and words run in this process, as they do in the agents service. Told are the wall time, the processor time of
this process, and its largest resident size before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from loadtests.models import hearing_models
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.media.audio import decode
from luce.server.music.spectra import FloatArray
from services.agents.captioning import Captioner
from services.agents.filtering import HybridFilter
from services.agents.hearing import Hearing
from services.agents.listening import Listener
from services.agents.reading import Reader
from services.agents.verbalising import Teller

SONGS = Path(__file__).parents[1] / "examples" / "songs"
RATE = 44100


def recording(seconds: float) -> bytes:
    """An mp3 of this length, written song by song."""
    songs = [decode(song, MediaSettings(), sample_rate=RATE).samples for song in sorted(SONGS.glob("*.ogg"))]
    target, left, place = io.BytesIO(), round(seconds * RATE), 0
    with av.open(target, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout, stream.format = "mono", "fltp"
        while left:
            song = songs[place % len(songs)][:left]
            for packet in stream.encode(_frame(song)):
                container.mux(packet)
            left, place = left - song.size, place + 1
        container.mux(stream.encode(None))
    return target.getvalue()


def _frame(samples: FloatArray) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    return frame


def resident_mb() -> int:
    """The largest resident size so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def describe(client: InferenceClient, data: bytes, repeats: int, brief: bool) -> list[dict[str, float]]:
    """Describe the recording so often, one after the other."""
    settings = MediaSettings(max_audio_seconds=14400, max_audio_bytes=1 << 30, decode_timeout_s=600)
    listener = Listener(client, timeout_s=120)
    rows = []
    async with MediaDecoder(settings) as decoder:
        teller = Teller(HybridFilter(TextEmbedder(client), timeout_s=120))
        hearing = Hearing(decoder, listener, Reader(client), Captioner(client, timeout_s=120), teller, 1.0)
        for _ in range(repeats):
            wall, own = time.perf_counter(), time.process_time()
            found = await hearing.describe(data, brief=brief)
            rows.append(
                {
                    "wall_s": round(time.perf_counter() - wall, 2),
                    "own_cpu_s": round(time.process_time() - own, 2),
                    "seconds": round(found.music.duration_s, 1),
                    "parts": len(found.music.parts),
                    "resident_mb": resident_mb(),
                }
            )
    listener.close()
    return rows


async def measure(minutes: float, repeats: int, brief: bool) -> dict[str, object]:
    """The figures."""
    data = recording(60 * minutes)
    with tempfile.TemporaryDirectory(prefix="luce-describe-") as folder:
        async with hearing_models(Path(folder)) as client:
            before = resident_mb()
            rows = await describe(client, data, repeats, brief)
    return {"file_mb": round(len(data) / 2**20, 1), "resident_mb_before": before, "descriptions": rows}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=3, help="the first one warms up (%(default)s)")
    parser.add_argument("--brief", action="store_true", help="without captions and texts")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.minutes, given.repeats, given.brief)), indent=2))


if __name__ == "__main__":
    main()
