"""Written music into sound.

Shape, in one look::

    from luce.server.sound import Sounder, SoundSettings, encode, read_performance

    sounder = Sounder(SoundSettings())               # refuses a sound font that is not there
    sound = sounder.render(read_performance(midi), seconds=30.0)   # stereo, 44.1 kHz, -14 LUFS
    data = encode(sound.samples, "ogg")

    stream = sounder.stream()                        # the same while the piece is still being written
    stream.add(performance)                          # notes that begin after what was played
    block = stream.play(until_s)                     # (n, 2) float32
"""

from __future__ import annotations

from luce.server.sound.encoding import FORMATS, encode, encode_wav
from luce.server.sound.performance import DRUMS, Performance, read_performance
from luce.server.sound.settings import SoundSettings
from luce.server.sound.sounder import SAMPLE_RATE, Sound, Sounder, SoundStream

__all__ = [
    "DRUMS",
    "FORMATS",
    "SAMPLE_RATE",
    "Performance",
    "Sound",
    "SoundSettings",
    "SoundStream",
    "Sounder",
    "encode",
    "encode_wav",
    "read_performance",
]
