"""Rendered songs whose tempo, key or metre is known: POP909 (Wang 2020), the Nottingham tunes, classical MIDI."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luce.errors import LuceError
from luce.server.music.midi import read_midi, steadiness_of
from luce.server.music.spectra import FloatArray
from training.music_emotion.render import Performance, augment, random_performance, render
from training.music_emotion.sources import load_midi

#: Where the excerpt of a song of POP909 begins, and how long every excerpt is, in seconds.
START, SECONDS = 20.0, 30.0
#: Ranges of the tempi that the Nottingham tunes, which have none, are played at, in beats a minute.
TEMPI = {"4/4": (72.0, 170.0), "3/4": (80.0, 180.0), "6/8": (56.0, 126.0)}
#: Families of metre.
FAMILIES = {(4, 4): "4/4", (2, 4): "4/4", (2, 2): "4/4", (3, 4): "3/4", (3, 8): "3/4", (6, 8): "6/8", (12, 8): "6/8"}
#: Notes of a file keep to its beats from this steadiness on.
KEEPS = 0.6
#: Beats of a group in triple time.
_WALTZ = 3.0
_NOTES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Truth:
    """What is known of an excerpt: beats a minute, tonic (0 = C), mode, and metre ("4/4", "3/4" or "6/8")."""

    name: str
    bpm: float
    tonic: int
    mode: str
    metre: str


def parse_key(text: str) -> tuple[int, str]:
    """Tonic and mode of an annotation such as ``Gb:maj``, or of a key signature such as ``F#m``."""
    name, _, mode = text.partition(":")
    if not mode:
        name, mode = (text[:-1], "min") if text.endswith("m") else (text, "maj")
    shift = name.count("#") - name[1:].count("b")
    return (_NOTES[name[0]] + shift) % 12, {"maj": "major", "min": "minor"}[mode]


def key_score(tonic: int | None, mode: str | None, truth: Truth) -> float:
    """MIREX key score: 1 exact, 0.5 a fifth off, 0.3 relative, 0.2 parallel, else 0."""
    if tonic is None:
        return 0.0
    distance = (tonic - truth.tonic) % 12
    if mode == truth.mode:
        return {0: 1.0, 7: 0.5, 5: 0.5}.get(distance, 0.0)
    if distance == (9 if truth.mode == "major" else 3):
        return 0.3
    return 0.2 if distance == 0 else 0.0


def by_hash(paths: list[Path]) -> list[Path]:
    """Paths in an order that depends on their names alone."""
    return sorted(paths, key=lambda path: hashlib.sha256(path.name.encode()).digest())


def pop_folders(data: Path) -> list[Path]:
    """The songs of POP909 with an annotated key, in the order of :func:`by_hash`."""
    return by_hash([path for path in (data / "pop909").iterdir() if (path / "key_audio.txt").is_file()])


def pop_truth(folder: Path, start: float = START) -> Truth:
    """Read the annotations of a POP909 song's excerpt: every song is annotated with two or with three beats a group."""
    annotated = np.loadtxt(folder / "beat_midi.txt")
    groups = np.diff(np.flatnonzero(annotated[:, 1] > 0.5))
    metre = "3/4" if groups.size and float(np.median(groups)) == _WALTZ else "4/4"
    beats = annotated[:, 0]
    beats = beats[(beats >= start) & (beats < start + SECONDS)]
    keys = [line.split() for line in (folder / "key_audio.txt").read_text(encoding="utf-8").splitlines()]
    current = [key for begin, _, key in keys if float(begin) < start + 5][-1:] or [keys[0][2]]
    return Truth(f"pop909/{folder.name}", 60 / float(np.median(np.diff(beats))), *parse_key(current[0]), metre)


def pop_songs(data: Path, count: int, fonts: list[Path], skip: int = 0) -> Iterator[tuple[Truth, FloatArray]]:
    """Play excerpts of POP909 on random instruments, fonts and rooms."""
    for folder in pop_folders(data)[skip : skip + count]:
        yield pop_song(folder, fonts)


def pop_song(folder: Path, fonts: list[Path], start: float = START) -> tuple[Truth, FloatArray]:
    """Play 30 s of a song from ``start``."""
    truth = pop_truth(folder, start)
    generator = _generator(truth.name)
    how = dataclasses.replace(random_performance(generator), transpose=0, sound_font=_font(fonts, generator))
    samples = render(load_midi(folder / f"{folder.name}.mid"), start, SECONDS, how)
    return truth, augment(samples, generator)


def folk_files(data: Path) -> dict[str, list[Path]]:
    """Nottingham tunes of at least 16 s in one key, by metre."""
    found: dict[str, list[Path]] = {name: [] for name in TEMPI}
    for path in by_hash(list((data / "nottingham").glob("*.mid"))):
        midi = read_midi(path.read_bytes())
        meter = midi.meter
        family = FAMILIES.get((meter.numerator, meter.denominator)) if meter else None
        if family is not None and len({name for _, name in midi.key_signatures}) == 1 and midi.seconds >= 16:
            found[family].append(path)
    return found


def folk_tunes(data: Path, each: int, fonts: list[Path], skip: int = 0) -> Iterator[tuple[Truth, FloatArray]]:
    """Play Nottingham tunes with chords, equally many of each metre, at random tempi."""
    for family, paths in folk_files(data).items():
        for path in paths[skip : skip + each]:
            yield folk_tune(path, family, fonts)


def folk_tune(path: Path, family: str, fonts: list[Path], turn: int = 0) -> tuple[Truth, FloatArray]:
    """Play a tune; every turn at another tempo and on another instrument."""
    written = read_midi(path.read_bytes())
    generator = _generator(f"{path.name}/{turn}" if turn else path.name)
    bpm = float(np.exp(generator.uniform(*np.log(TEMPI[family]))))
    quarters = 1.5 if family == "6/8" else 1.0
    speed = bpm / (float(np.median(written.tempo_bpm)) / quarters)
    how = dataclasses.replace(random_performance(generator), transpose=0, sound_font=_font(fonts, generator))
    midi = load_midi(path)
    end = midi.get_end_time()
    midi.adjust_times([0.0, end], [0.0, end / speed])
    samples = augment(render(midi, 0.0, min(SECONDS, end / speed), how), generator)
    return Truth(f"nottingham/{path.name}", bpm, *parse_key(written.key_signatures[0][1]), family), samples


def classical_pieces(data: Path, each: int, fonts: list[Path], skip: int) -> Iterator[tuple[Truth, FloatArray]]:
    """Play stretches of classical MIDI files, as many of each metre, whose notes keep to what is written.

    Key signatures are no truth: the key is unknown here.
    """
    left = dict.fromkeys(TEMPI, each)
    for path in by_hash(list((data / "midi_classical").glob("*.mid")))[skip:]:
        if not any(left.values()):
            return
        found = classical_stretch(path)
        if found is None or not left[found.metre]:
            continue
        left[found.metre] -= 1
        yield classical_piece(found, fonts)


@dataclass(frozen=True)
class ClassicalStretch:
    """Half a minute of a file: where it starts (s), beats a minute and metre."""

    path: Path
    start: float
    bpm: float
    metre: str


def classical_piece(stretch: ClassicalStretch, fonts: list[Path], turn: int = 0) -> tuple[Truth, FloatArray]:
    """Play a stretch on the file's own instruments; in a turn that is odd on another one."""
    generator = _generator(f"{stretch.path.name}/{turn}" if turn else stretch.path.name)
    if turn % 2:
        how = dataclasses.replace(random_performance(generator), sound_font=_font(fonts, generator))
    else:
        how = Performance(sound_font=_font(fonts, generator), velocity=float(generator.uniform(0.8, 1.1)))
    samples = augment(render(load_midi(stretch.path), stretch.start, SECONDS, how), generator)
    return Truth(f"classical/{stretch.path.name}", stretch.bpm, 0, "unknown", stretch.metre), samples


def classical_stretch(path: Path, place: float = 0.5) -> ClassicalStretch | None:
    """The stretch at a place (0 begins, 1 ends) of a file whose notes keep to one metre and tempo there; else None."""
    try:
        piece = read_midi(path.read_bytes())
    except LuceError:
        return None
    start = max(0.0, (piece.seconds - SECONDS) * place)
    names = {(meter.numerator, meter.denominator) for meter in piece.meters}
    beats = piece.beat_times[(piece.beat_times >= start) & (piece.beat_times < start + SECONDS)]
    if len(names) != 1 or piece.seconds < SECONDS or beats.size < 12 or steadiness_of(piece) < KEEPS:
        return None
    gaps = np.diff(beats)
    family = FAMILIES.get(names.pop())
    if family is None or gaps.std() > 0.04 * gaps.mean():
        return None
    return ClassicalStretch(path, start, 60 / float(np.median(gaps)), family)


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big"))


def _font(fonts: list[Path], generator: np.random.Generator) -> Path:
    return fonts[int(generator.integers(len(fonts)))]
