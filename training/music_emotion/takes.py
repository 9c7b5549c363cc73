"""Performances of labelled pieces, described and transcribed back to notes once, and kept in cache files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from luce.server.music import transcription
from luce.server.music.analysis import analyze
from luce.server.music.notes import Notes
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from training.music_emotion import labels, nonmusic
from training.music_emotion.render import Performance, augment, random_performance, render
from training.music_emotion.sources import decode, load_midi, window_labels

ROOT = Path(__file__).resolve().parents[2]
#: Seconds of the plain piano take, of each take on other instruments, and of a recording.
PLAIN_SECONDS, VARIED_SECONDS, RECORDING_SECONDS = 40.0, 30.0, 30.0
#: Takes of a piece on random instruments, from random fonts, through random rooms.
VARIED_TAKES = 2
#: EMOPIA clips a quadrant in the check.
CLIPS_PER_QUADRANT = 30
#: Sounds that are not music, of 10 s each; a fifth is held out.
NON_MUSIC_SOUNDS = 150


@dataclass(frozen=True)
class Take:
    """A transcribed performance.

    Attributes:
        piece: name of the piece, which decides the split.
        version: 0 is the unaltered one, on which figures are taken.
        start_s: where in the piece the take begins.
        seconds: its length.
        notes: what was heard in it.
        times: (W,) centres of the 5-s windows, seconds from the take's start.
        descriptors: (W, 34) of the signal, the input of ``music_emotion``.
        emotion: (W, 2) true valence and arousal of each window; NaN where unknown.
    """

    piece: str
    version: int
    start_s: float
    seconds: float
    notes: Notes
    times: FloatArray
    descriptors: FloatArray
    emotion: FloatArray

    @property
    def held_out(self) -> bool:
        """Whether the piece is in the held-out fifth."""
        return labels.fraction(self.piece) < labels.HELD_OUT_SHARE


class Transcriber:
    """The served transcriber without a server.

    Args:
        repository: folder of the models.
    """

    def __init__(self, repository: Path = ROOT / "model_repository") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = repository / "note_transcriber" / "1" / "model.onnx"
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, samples: FloatArray) -> Notes:
        """The notes of mono samples at 22050 Hz."""
        notes, onsets = self._session.run(["notes", "onsets"], {"audio": transcription.windows(samples)})
        return transcription.track_notes(transcription.stitch(notes, onsets, samples.size))


def _hear(transcriber: Transcriber, samples: FloatArray) -> dict[str, object]:
    curve = analyze(samples).descriptors
    return {
        "seconds": samples.size / SAMPLE_RATE,
        "notes": transcriber(samples),
        "times": curve.times,
        "descriptors": curve.values,
    }


def bar_edges(piece: labels.Piece) -> tuple[npt.NDArray[np.float64], FloatArray]:
    """Bounds (S + 1,) of a VGMIDI piece's labelled bars in seconds, and their emotion (S, 2)."""
    midi = load_midi(piece.file)
    bars = midi.get_downbeats()[: len(piece.emotion) + 1]
    edges = bars if len(bars) > len(piece.emotion) else np.append(bars, midi.get_end_time())
    count = min(len(edges) - 1, len(piece.emotion))
    return edges[: count + 1], piece.emotion[:count]


def midi_takes(pieces: list[labels.Piece], versions: range, fonts: list[Path]) -> Iterator[Take]:
    """Render, alter and transcribe VGMIDI."""
    transcriber = Transcriber()
    for piece in pieces:
        midi = load_midi(piece.file)
        edges, emotion = bar_edges(piece)
        end = float(edges[-1])
        for version in versions:
            generator = np.random.default_rng(int(labels.fraction(f"{piece.name}/{version}", "take") * 2**32))
            how, length = Performance(), PLAIN_SECONDS
            start = 0.0
            if version > 0:
                font = fonts[int(generator.integers(len(fonts)))]
                how, length = dataclasses.replace(random_performance(generator), sound_font=font), VARIED_SECONDS
                start = float(generator.uniform(0, max(end - length, 0.0)))
            samples = render(midi, start, min(length, end - start), how)
            heard = _hear(transcriber, augment(samples, generator) if version > 0 else samples)
            truth = window_labels(emotion, edges - start, heard["times"])  # type: ignore[arg-type]
            yield Take(piece.name, version, start, emotion=truth, **heard)  # type: ignore[arg-type]


def recorded_takes(pieces: list[labels.Piece], version: int) -> Iterator[Take]:
    """Transcribe the middle of each recording of Emotify, as it is (version 0) or altered."""
    transcriber = Transcriber()
    for piece in pieces:
        samples = decode(piece.file)
        first = max(0, round((samples.size - RECORDING_SECONDS * SAMPLE_RATE) / 2))
        samples = samples[first : first + round(RECORDING_SECONDS * SAMPLE_RATE)]
        if version > 0:
            seed = int(labels.fraction(f"{piece.name}/{version}", "take") * 2**32)
            samples = augment(samples, np.random.default_rng(seed))
        heard = _hear(transcriber, samples)
        truth = np.repeat(piece.emotion, len(heard["times"]), axis=0)  # type: ignore[arg-type]
        yield Take(piece.name, version, first / SAMPLE_RATE, emotion=truth, **heard)  # type: ignore[arg-type]


def clip_takes(data: Path) -> Iterator[Take]:
    """Transcribe EMOPIA clips on the piano, equally many a quadrant; the emotion is the quadrant's signs."""
    transcriber = Transcriber()
    for quadrant in (1, 2, 3, 4):
        clips = [clip for clip in labels.emopia(data) if clip[1] == quadrant]
        for path, _ in sorted(clips, key=lambda clip: labels.fraction(clip[0].name))[:CLIPS_PER_QUADRANT]:
            midi = load_midi(path)
            heard = _hear(transcriber, render(midi, 0.0, min(30.0, midi.get_end_time()), Performance()))
            signs = np.array([[1 if quadrant in (1, 4) else -1, 1 if quadrant in (1, 2) else -1]], np.float32)
            truth = np.repeat(signs, len(heard["times"]), axis=0)  # type: ignore[arg-type]
            yield Take(f"emopia/{path.name}", 0, 0.0, emotion=truth, **heard)  # type: ignore[arg-type]


def other_takes() -> Iterator[Take]:
    """Transcribe sounds that are not music."""
    transcriber = Transcriber()
    for index in range(NON_MUSIC_SOUNDS):
        heard = _hear(transcriber, nonmusic.sound(np.random.default_rng(index)))
        truth = np.full((len(heard["times"]), 2), np.nan, np.float32)  # type: ignore[arg-type]
        yield Take(f"non_music/{index}", 0, 0.0, emotion=truth, **heard)  # type: ignore[arg-type]


_NOTE_FIELDS = ("onset_s", "offset_s", "pitch", "amplitude")
_WINDOW_FIELDS = ("times", "descriptors", "emotion")
_PLAIN_FIELDS = ("piece", "version", "start_s", "seconds")


def save(takes: list[Take], path: Path) -> None:
    """Write takes to one file, arrays of all takes joined."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        **{name: np.array([getattr(take, name) for take in takes]) for name in _PLAIN_FIELDS},
        **{name: np.concatenate([getattr(take, name) for take in takes]) for name in _WINDOW_FIELDS},
        **{name: np.concatenate([getattr(take.notes, name) for take in takes]) for name in _NOTE_FIELDS},
        "note_counts": np.array([take.notes.count for take in takes]),
        "window_counts": np.array([len(take.times) for take in takes]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read(path: Path) -> list[Take]:
    """Read what :func:`save` wrote."""
    with np.load(path) as stored:
        arrays = dict(stored)
    notes = {name: np.split(arrays[name], np.cumsum(arrays["note_counts"])[:-1]) for name in _NOTE_FIELDS}
    curves = {name: np.split(arrays[name], np.cumsum(arrays["window_counts"])[:-1]) for name in _WINDOW_FIELDS}
    return [
        Take(
            piece=str(arrays["piece"][index]),
            version=int(arrays["version"][index]),
            start_s=float(arrays["start_s"][index]),
            seconds=float(arrays["seconds"][index]),
            notes=Notes(*(notes[name][index] for name in _NOTE_FIELDS)),
            **{name: curves[name][index] for name in _WINDOW_FIELDS},
        )
        for index in range(len(arrays["piece"]))
    ]


def load(data: Path, cache: Path, fonts: list[Path]) -> dict[str, list[Take]]:
    """Takes by source, from the cache or made (some twenty minutes on one core) and cached.

    The cache knows nothing of the code: delete it after a change of the transcription or of the signal's descriptors.
    """
    pieces, recordings = labels.vgmidi(data), labels.emotify(data)
    makers: dict[str, Callable[[], Iterator[Take]]] = {
        "vgmidi_0": partial(midi_takes, pieces, range(1), fonts),
        "emotify_0": partial(recorded_takes, recordings, 0),
        **{
            f"vgmidi_{version}": partial(midi_takes, pieces, range(version, version + 1), fonts)
            for version in range(1, VARIED_TAKES + 1)
        },
        "non_music": other_takes,
        "emopia": partial(clip_takes, data),
        "emotify_1": partial(recorded_takes, recordings, 1),
    }
    result: dict[str, list[Take]] = {}
    for name, make in makers.items():
        path = cache / f"{name}.npz"
        if not path.is_file():
            began = time.monotonic()
            save(list(make()), path)
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        result[name] = read(path)
    return result
