"""Clips of music that no model was trained on, to paint to; of ten seconds, as in MESA-MIG."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luce.emotion import Emotion
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from training.music_emotion.labels import Piece, emotify, fraction, vgmidi
from training.music_emotion.render import Performance, render
from training.music_emotion.sources import decode, load_midi

SECONDS = 10.0
#: Where the cut of a piece begins, as a share of what could be cut.
_PLACE = 0.4
SONGS = Path(__file__).parents[2] / "examples" / "songs"


@dataclass(frozen=True)
class Clip:
    """A piece of music to paint to.

    Attributes:
        name: unique name.
        audio: a wav file, 22050 Hz, mono, 16 bit.
        truth: how people say that the piece feels; None where nobody was asked.
    """

    name: str
    audio: bytes
    truth: Emotion | None


def held_out(
    data: Path,
    count: int | None = None,
    seconds: float = SECONDS,
    chosen: Callable[[list[Emotion]], set[int]] | None = None,
) -> Iterator[Clip]:
    """Cuts of the held-out recordings of Emotify and of the held-out pieces of VGMIDI, rendered as piano.

    The split is that of `training.music_emotion`, so neither the emotion model nor anything else has heard them. In an
    order that depends on the names alone: the first so many are a fair sample.

    Args:
        data: folder with emotify and vgmidi.
        count: so many pieces; None: all.
        seconds: length of a clip.
        chosen: from how people say that the pieces feel, the places of those to take; None: all.
    """
    pieces = [piece for piece in (*emotify(data), *vgmidi(data)) if piece.held_out]
    pieces.sort(key=lambda piece: fraction(piece.name, "paint"))
    pieces = pieces[:count]
    means = [np.clip(np.nanmean(piece.emotion, axis=0), -1.0, 1.0) for piece in pieces]
    felt = [Emotion(float(mean[0]), float(mean[1])) for mean in means]
    places = chosen(felt) if chosen is not None else set(range(len(pieces)))
    for place in sorted(places):
        yield Clip(pieces[place].name, wav(_samples(pieces[place], seconds)), felt[place])


def songs(count: int | None = None, seconds: float = SECONDS) -> Iterator[Clip]:
    """Two cuts of each song of the examples: what needs no data."""
    cuts = [(path, place) for place in (0.1, 0.7) for path in sorted(SONGS.glob("*.ogg"))]
    for path, place in cuts[:count]:
        yield Clip(f"{path.stem}/{place}", wav(_cut(decode(path), place, seconds)), None)


def _samples(piece: Piece, seconds: float) -> FloatArray:
    if piece.file.suffix != ".mid":
        return _cut(decode(piece.file), _PLACE, seconds)
    midi = load_midi(piece.file)
    start = _PLACE * max(0.0, midi.get_end_time() - seconds)
    return _cut(render(midi, start, seconds, Performance(program=0)), 0.0, seconds)


def _cut(samples: FloatArray, place: float, seconds: float) -> FloatArray:
    length = round(seconds * SAMPLE_RATE)
    start = round(place * max(0, samples.size - length))
    return samples[start : start + length]


def wav(samples: FloatArray) -> bytes:
    """A wav file, 16 bit, of mono samples at 22050 Hz."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return target.getvalue()
