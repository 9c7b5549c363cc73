"""Make the clips: ``python -m training.audio_encoder.make_clips --data FOLDER``.

FOLDER holds pop909, midi_classical, vgmidi, emopia, nottingham, emotify, emobank, teachers. Several processes may share
the work (``--worker 0 --workers 2``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.log_mel import log_mel_window, resample
from luce.server.music.tags import tags
from training.audio_encoder import audioset, sources
from training.audio_encoder.clips import CACHE, FEATURE_MAX, Bytes, Clips, pack
from training.audio_encoder.stems import stems
from training.audio_encoder.teacher import CLASSES, FEATURES, Teacher
from training.music_emotion.render import SOUND_FONT

#: Clips a file: 23 MB of log-mel.
_SHARD = 700


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
    share = sources.Share(options.worker, options.workers)
    fonts = sources.Fonts((SOUND_FONT, *options.font), options.unseen_font)
    teacher = Teacher(options.data)
    makers = sources.everything(options.data, fonts, share) | {"stems": stems(options.data, fonts, share)}
    for kind, sounds in makers.items():
        folder = options.cache / "stems" if kind == "stems" else options.cache
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        if kind not in (options.kind or sources.KINDS) or list(folder.glob(f"{kind}_{share.worker}_*.npz")):
            continue
        for index, clips in enumerate(make(sounds, teacher)):
            path = folder / f"{kind}_{share.worker}_{index:02d}.npz"
            np.savez(path.with_suffix(".part.npz"), **{f.name: getattr(clips, f.name) for f in fields(clips)})
            path.with_suffix(".part.npz").rename(path)
            print(f"{path.name}: {len(clips)} clips, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
