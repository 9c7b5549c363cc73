"""Descriptor windows with their labels, computed once and kept in a cache file."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pretty_midi

from luce.server.music.analysis import analyze
from luce.server.music.descriptors import DESCRIPTOR_COUNT, DESCRIPTOR_NAMES, WINDOW_SECONDS
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from training.music_emotion import labels, nonmusic
from training.music_emotion.render import Performance, augment, random_performance, render

#: Seconds of a piece that are played in one version.
EXCERPT_SECONDS = 60.0
#: Versions of each VGMIDI piece: the plain piano, and random instruments, each through two random rooms.
RANDOM_PERFORMANCES = 2
#: Altered copies of each recording, beside the recording itself.
RECORDING_COPIES = 1
#: EMOPIA clips a quadrant in the check.
CLIPS_PER_QUADRANT = 60
#: Sounds that are not music, each of 10 s; a fifth is held out.
NON_MUSIC_SOUNDS = 400


@dataclass(frozen=True)
class Dataset:
    """Windows of one source.

    Attributes:
        descriptors: (N, 34) float32.
        emotion: (N, 2) float32 valence and arousal.
        piece: (N,) index of the piece.
        version: (N,) version of the piece; 0 is the unaltered one, on which figures are taken.
        held_out: (N,) bool.
    """

    descriptors: FloatArray
    emotion: FloatArray
    piece: npt.NDArray[np.int64]
    version: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]

    def select(self, rows: npt.NDArray[Any]) -> Dataset:
        """The rows chosen by a mask or by indices."""
        return Dataset(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def decode(path: Path) -> FloatArray:
    """Decode a recording to mono float32 at 22050 Hz."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        pieces = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        pieces += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(pieces)


def load_midi(path: Path) -> pretty_midi.PrettyMIDI:
    """Read a MIDI file, quietly: many carry tempo events on tracks where they do not belong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return pretty_midi.PrettyMIDI(str(path))


def window_labels(emotion: FloatArray, edges: npt.NDArray[np.float64], centres: FloatArray) -> FloatArray:
    """Mean emotion over each window (W, 2): the segments (S, 2) weighted by their overlap with it.

    ``edges`` (S + 1,) are the segments' bounds and ``centres`` (W,) the windows' middles, in seconds. Windows that
    touch no segment are NaN.
    """
    low, high = centres[:, None] - WINDOW_SECONDS / 2, centres[:, None] + WINDOW_SECONDS / 2
    overlap = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
    total = overlap.sum(axis=1, keepdims=True)
    mean = overlap @ emotion / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, np.nan).astype(np.float32)


def vgmidi_rows(piece: labels.Piece) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Yield (version, descriptors (W, 34), emotion (W, 2)) of one VGMIDI piece."""
    generator = np.random.default_rng(int(labels.fraction(piece.name, "render") * 2**32))
    midi = load_midi(piece.file)
    bars = midi.get_downbeats()[: len(piece.emotion) + 1]
    edges = bars if len(bars) > len(piece.emotion) else np.append(bars, midi.get_end_time())
    count = min(len(edges) - 1, len(piece.emotion))
    edges, emotion = edges[: count + 1], piece.emotion[:count]
    ways = [Performance()] + [random_performance(generator) for _ in range(RANDOM_PERFORMANCES)]
    version = 0
    for index, how in enumerate(ways):
        longest = float(edges[-1]) - EXCERPT_SECONDS
        start = 0.0 if index == 0 or longest <= 0 else float(generator.uniform(0, longest))
        plain = render(midi, start, min(EXCERPT_SECONDS, float(edges[-1]) - start), how)
        takes = [plain, augment(plain, generator)] if index == 0 else [augment(plain, generator) for _ in range(2)]
        for take in takes:
            curve = analyze(take).descriptors
            yield version, curve.values, window_labels(emotion, edges - start, curve.times)
            version += 1


def recording_rows(piece: labels.Piece) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Yield (version, descriptors (W, 34), emotion (W, 2)) of one recording."""
    generator = np.random.default_rng(int(labels.fraction(piece.name, "render") * 2**32))
    plain = decode(piece.file)
    for version, take in enumerate([plain] + [augment(plain, generator) for _ in range(RECORDING_COPIES)]):
        values = analyze(take).descriptors.values
        yield version, values, np.repeat(piece.emotion, len(values), axis=0)


def collect(pieces: list[labels.Piece]) -> Dataset:
    """Analyse every version of every piece."""
    rows: list[tuple[FloatArray, FloatArray, int, int, bool]] = []
    began = time.monotonic()
    for index, piece in enumerate(pieces):
        source = vgmidi_rows(piece) if piece.file.suffix == ".mid" else recording_rows(piece)
        for version, values, emotion in source:
            known = np.isfinite(emotion).all(axis=1)
            rows.append((values[known], emotion[known], index, version, piece.held_out))
        if index % 20 == 19:
            print(f"{index + 1} of {len(pieces)} pieces, {time.monotonic() - began:.0f} s", flush=True)
    sizes = [len(row[0]) for row in rows]
    return Dataset(
        np.concatenate([row[0] for row in rows]),
        np.concatenate([row[1] for row in rows]),
        np.repeat([row[2] for row in rows], sizes),
        np.repeat([row[3] for row in rows], sizes),
        np.repeat([row[4] for row in rows], sizes),
    )


def quadrant_clips(data: Path) -> Dataset:
    """EMOPIA clips on the piano, an equal number a quadrant; ``emotion`` holds the quadrant's signs, all held out."""
    chosen: list[tuple[Path, int]] = []
    for quadrant in (1, 2, 3, 4):
        clips = [clip for clip in labels.emopia(data) if clip[1] == quadrant]
        chosen += sorted(clips, key=lambda clip: labels.fraction(clip[0].name))[:CLIPS_PER_QUADRANT]
    values, signs, pieces = [], [], []
    for index, (path, quadrant) in enumerate(chosen):
        midi = load_midi(path)
        rows = analyze(render(midi, 0.0, min(30.0, midi.get_end_time()), Performance())).descriptors.values
        values.append(rows)
        signs.append(np.tile([1 if quadrant in (1, 4) else -1, 1 if quadrant in (1, 2) else -1], (len(rows), 1)))
        pieces.append(np.full(len(rows), index))
    count = sum(map(len, values))
    return Dataset(
        np.concatenate(values),
        np.concatenate(signs).astype(np.float32),
        np.concatenate(pieces),
        np.zeros(count, np.int64),
        np.ones(count, np.bool_),
    )


def non_music() -> Dataset:
    """Sounds without an emotion (all zero), of which a fifth is held out."""
    values = [
        analyze(nonmusic.sound(np.random.default_rng(index))).descriptors.values for index in range(NON_MUSIC_SOUNDS)
    ]
    piece = np.repeat(np.arange(NON_MUSIC_SOUNDS), [len(rows) for rows in values])
    joined = np.concatenate(values)
    held_out = piece < labels.HELD_OUT_SHARE * NON_MUSIC_SOUNDS
    return Dataset(joined, np.zeros((len(joined), 2), np.float32), piece, np.zeros_like(piece), held_out)


def load(data: Path, cache: Path) -> dict[str, Dataset]:
    """The four sources by name, from the cache or computed (about ten minutes on one core) and cached.

    The cache is made anew where the descriptors' names have changed; delete it after a change of their computation.
    """
    makers: dict[str, Callable[[], Dataset]] = {
        "vgmidi": lambda: collect(labels.vgmidi(data)),
        "emotify": lambda: collect(labels.emotify(data)),
        "emopia": lambda: quadrant_clips(data),
        "non_music": non_music,
    }
    result = {}
    for name, make in makers.items():
        path = cache / f"{name}.npz"
        if path.is_file():
            with np.load(path) as stored:
                if list(stored["names"]) == list(DESCRIPTOR_NAMES):
                    result[name] = Dataset(*(stored[field] for field in Dataset.__dataclass_fields__))
                    continue
        result[name] = make()
        assert result[name].descriptors.shape[1] == DESCRIPTOR_COUNT
        cache.mkdir(parents=True, exist_ok=True)
        fields = {field: getattr(result[name], field) for field in Dataset.__dataclass_fields__}
        np.savez(path, names=np.array(DESCRIPTOR_NAMES), **fields)
    return result
