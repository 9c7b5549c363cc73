"""Windows of sound with all that is known of them, made once and kept in packed files.

A clip holds a log-mel in steps of 0.4 dB, its labels (NaN where unknown), YAMNet's features, and where it comes from.
Run ``python -m training.audio_encoder.clips --data FOLDER``; several processes may share the work (``--worker 0
--workers 2``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.log_mel import BANDS, FRAMES, log_mel_window, resample
from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from training.audio_encoder import audioset, sources
from training.audio_encoder.teacher import CLASSES, FEATURES, Teacher
from training.music_emotion.render import SOUND_FONT

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "training" / "cache" / "audio_encoder"
#: Clips a file: 23 MB of log-mel.
_SHARD = 700
_STEP = 2.5
#: Greatest feature of YAMNet, whose activations end at 6.
FEATURE_MAX = 6.0

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Clips:
    """Clips, side by side.

    Attributes:
        mel: (N, 500, 64) uint8, see :func:`pack` and :func:`unpack`.
        labels: (N, k) float16, from 0 to 1, NaN where unknown.
        features: (N, 1024) uint8, the teacher's pooled features in 255ths of 6; zeros where it was not asked.
        name: (N,) the piece, or the sound.
        source: (N,) data set, with the kind of arrangement or the font after a slash.
        split: (N,) "train", "dev" (thresholds, stopping) or "test"; no piece is in two of them.
    """

    mel: Bytes
    labels: npt.NDArray[np.float16]
    features: Bytes
    name: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.mel)

    def select(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Clips:
        """The clips of a mask or of indices."""
        return Clips(*(getattr(self, field.name)[chosen] for field in fields(self)))


def pack(mel: FloatArray) -> Bytes:
    """Log-mel in dB to steps of 0.4 dB from -100 dB."""
    result: Bytes = np.clip(np.rint((mel + 100) * _STEP), 0, 255).astype(np.uint8)
    return result


def unpack(mel: Bytes) -> FloatArray:
    """The inverse of :func:`pack`."""
    result: FloatArray = mel.astype(np.float32) / _STEP - 100
    return result


def label_row(known: dict[str, float]) -> npt.NDArray[np.float16]:
    """Labels (k,) from those known by name; others NaN. Raises ValueError for an unknown name."""
    row = np.full(len(tags().entries), np.nan, np.float16)
    for name, value in known.items():
        row[tags().index(name)] = value
    return row


def make(found: Iterator[sources.Sound], teacher: Teacher) -> Iterator[Clips]:
    """Analyse sounds, file by file."""
    parts: list[tuple[Bytes, npt.NDArray[np.float16], Bytes, str, str, str]] = []
    for sound in found:
        samples = resample(sound.samples)
        features, scores = teacher(samples) if sound.taught else (np.zeros(FEATURES), np.zeros(CLASSES, np.float32))
        known = sound.known | (audioset.labels_of(scores, teacher.names) if sound.recorded else {})
        heard = np.clip(np.rint(features * (255 / FEATURE_MAX)), 0, 255).astype(np.uint8)
        parts.append((pack(log_mel_window(samples)), label_row(known), heard, sound.name, sound.source, sound.split))
        if len(parts) == _SHARD:
            yield _join(parts)
            parts = []
    if parts:
        yield _join(parts)


def _join(parts: list[tuple[Bytes, npt.NDArray[np.float16], Bytes, str, str, str]]) -> Clips:
    mel, labels, features, name, source, split = zip(*parts, strict=True)
    return Clips(np.stack(mel), np.stack(labels), np.stack(features), np.array(name), np.array(source), np.array(split))


def load(folder: Path = CACHE) -> Clips:
    """All clips of a folder. Raises FileNotFoundError where there are none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"no clips in {folder}: run python -m training.audio_encoder.clips")
    shards = []
    for path in paths:
        with np.load(path) as stored:
            shards.append(Clips(*(stored[field.name] for field in fields(Clips))))
    result = Clips(*(np.concatenate([getattr(shard, field.name) for shard in shards]) for field in fields(Clips)))
    if result.mel.shape[1:] != (FRAMES, BANDS) or result.labels.shape[1] != len(tags().entries):
        raise ValueError(f"the clips of {folder} were made for other windows or labels: delete them")
    return result


def main() -> None:
    """Make the clips of one worker."""
    parser = argparse.ArgumentParser(description="Make the clips of the audio encoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--font", type=Path, action="append", default=[], help="another General MIDI sound font")
    parser.add_argument("--unseen-font", type=Path, help="a sound font for a part of the test alone")
    parser.add_argument("--kind", action="append", choices=sources.KINDS, help="make these alone")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    share = sources.Share(options.worker, options.workers)
    fonts = sources.Fonts((SOUND_FONT, *options.font), options.unseen_font)
    teacher = Teacher(options.data)
    for kind, sounds in sources.everything(options.data, fonts, share).items():
        began = time.monotonic()
        if kind not in (options.kind or sources.KINDS) or list(options.cache.glob(f"{kind}_{share.worker}_*.npz")):
            continue
        for index, clips in enumerate(make(sounds, teacher)):
            path = options.cache / f"{kind}_{share.worker}_{index:02d}.npz"
            np.savez(path.with_suffix(".part.npz"), **{f.name: getattr(clips, f.name) for f in fields(clips)})
            path.with_suffix(".part.npz").rename(path)
            print(f"{path.name}: {len(clips)} clips, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
