"""Measures what the sound of 30 s of written music costs, and what watching a video does, in processor time.

python -m loadtests.sound
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from luce.server.media.video import decode
from luce.server.sound import FORMATS, SAMPLE_RATE, Performance, Sounder, SoundSettings, encode
from luce.server.sound.mastering import master
from luce.server.sound.room import Room, impulse_response
from luce.server.sound.synthesis import Synthesizer
from tests.fixtures.videos import GLOOMY, GREEN, SUNNY, video

SECONDS = 30.0

T = TypeVar("T")


def piece() -> Performance:
    """Chords and a melody for piano, strings and flute: about 400 notes."""
    random = np.random.default_rng(3)
    rows = []
    for beat in range(60):
        start = beat * 0.5
        rows += [(start, start + 0.45, int(pitch), 80, 0) for pitch in random.integers(48, 72, 3)]
        rows.append((start, start + 0.9, int(random.integers(36, 48)), 70, 48))
        rows += [(start + half, start + half + 0.2, int(random.integers(72, 90)), 85, 73) for half in (0.0, 0.25)]
    return Performance.of(rows)


def main() -> None:
    """Prints processor seconds as JSON."""
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        result = work()
        spent[name] = round(time.process_time() - began, 3)
        return result

    settings, notes = SoundSettings(), piece()
    synthesizer = Synthesizer(settings.font(), SAMPLE_RATE, settings.max_voices)
    synthesizer.add(notes)
    dry = timed("synthesis", lambda: synthesizer.play(round(SECONDS * SAMPLE_RATE)))
    room = Room(impulse_response(settings.reverb_s, SAMPLE_RATE), settings.reverb_share)
    wet = timed("room", lambda: room.add(dry))
    limits = (settings.loudness_lufs, settings.ceiling_dbtp)
    finished, _ = timed("loudness and limiter", lambda: master(wet, SAMPLE_RATE, *limits))
    for name in FORMATS:
        timed(name, lambda name=name: encode(finished, name))  # type: ignore[misc]  # mypy cannot infer the default
    sounder = Sounder(settings)
    timed("all but the file", lambda: sounder.render(notes, SECONDS))
    clip = video((SUNNY, 8.0), (GLOOMY, 7.0), (GREEN, 6.0), size=(640, 360), rate=24)
    timed("21 s of video, 640 x 360, 24 frames a second", lambda: decode(clip))
    print(json.dumps(spent, indent=2))


if __name__ == "__main__":
    main()
