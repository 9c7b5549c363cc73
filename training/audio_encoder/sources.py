"""Where the sounds come from: MIDI files that we arrange and render, recordings, speech, and what is neither."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pretty_midi

from luce.server.music.log_mel import WINDOW_SECONDS
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from luce.server.music.tags import tags
from training.audio_encoder import audioset, speech
from training.audio_encoder.arranging import arrange, cut
from training.evaluate.music_analysis import POP_SONGS, TUNES
from training.evaluate.performances import TEMPI, folk_files, pop_folders
from training.music_emotion import labels, nonmusic
from training.music_emotion.render import Performance, augment, render
from training.music_emotion.sources import decode, load_midi

KINDS = ("recorded", "other", "rendered", "stems")
#: Pieces of each data set at most, and windows of a piece.
PIECES = {"midi_classical": 1000, "pop909": 740, "nottingham": 270, "vgmidi": 204, "emopia": 240}
WINDOWS = {"midi_classical": 4, "pop909": 8, "nottingham": 6, "vgmidi": 12, "emopia": 5}
#: How the windows of a data set are cast, in turn.
CASTS = {
    "midi_classical": ("own", "orchestra", "own", "duo", "own", "band", "own", "solo"),
    "pop909": ("band", "band", "duo", "band", "band", "solo", "band", "orchestra"),
    "nottingham": ("folk", "folk", "duo", "band"),
    "vgmidi": ("solo", "game", "orchestra", "game", "duo", "band"),
    "emopia": ("solo", "duo", "solo", "band"),
}
_BAROQUE = ("bach", "scarlatti", "haendel", "vivaldi", "buxehude", "pachelbel", "purcell", "telemann", "couperin")
_ROMANTIC = (
    *("chopin", "schubert", "schumann", "brahms", "liszt", "mendelssohn", "mendelsonn", "burgmuller", "heller"),
    *("rachmaninov", "grieg", "tchaikovsky", "dvorak", "albeniz", "skriabin", "faure", "alkan", "chaminade", "saint"),
    *("franck", "verdi", "wagner", "paganini"),
)
_SPOKEN, _OTHER = 360, 2400
_HELD_OUT, _DEV = 0.13, 0.06
_SLOW, _FAST = 84.0, 126.0
#: Mean valence and arousal of VGMIDI.
_VGMIDI_MEAN = (0.10, 0.05)

#: Seconds.
Times = npt.NDArray[np.float64]
#: A piece's name, its split, and what loads it.
Job = tuple[str, str, Callable[[], pretty_midi.PrettyMIDI]]


@dataclass(frozen=True)
class Sound:
    """A window of sound: mono samples at 22050 Hz, labels by name, and where it comes from (see ``clips.Clips``).

    ``recorded`` says that the teacher adds to the labels, ``taught`` that its features are learned from.
    """

    samples: FloatArray
    known: dict[str, float]
    name: str
    source: str
    split: str
    recorded: bool = False
    taught: bool = True


@dataclass(frozen=True)
class Share:
    """Which of the pieces a process makes."""

    worker: int
    workers: int

    def has(self, index: int) -> bool:
        """Whether the piece of this index is its own."""
        return index % self.workers == self.worker


@dataclass(frozen=True)
class Fonts:
    """Sound fonts that are learned from, and one that a part of the test alone is played on."""

    known: tuple[Path, ...]
    unseen: Path | None = None


def split_of(name: str) -> str:
    """The split of a piece by a hash of its name, the one of ``music_emotion`` where that model knows the piece."""
    held_out = labels.HELD_OUT_SHARE if name.startswith(("vgmidi/", "emotify/")) else _HELD_OUT
    if labels.fraction(name) < held_out:
        return "test"
    return "dev" if labels.fraction(name, "dev") < _DEV else "train"


def everything(data: Path, fonts: Fonts, share: Share) -> dict[str, Iterator[Sound]]:
    """All sounds by kind."""
    return {
        "recorded": recordings(data, share),
        "other": others(data, share),
        "rendered": renderings(data, fonts, share),
    }


def renderings(data: Path, fonts: Fonts, share: Share) -> Iterator[Sound]:
    """Rendered windows of all data sets, in an order that mixes them."""
    ordered = sorted(jobs(data), key=lambda job: labels.fraction(job[0], "order"))
    emotions = {piece.name: piece.emotion for piece in labels.vgmidi(data)}
    for index, job in enumerate(ordered):
        if share.has(index):
            yield from _windows(job, fonts, emotions.get(job[0]))


def jobs(data: Path) -> Iterator[Job]:
    """Name, split and loader of each piece."""
    for place, folder in enumerate(pop_folders(data)[: PIECES["pop909"]]):
        split = "test" if place < POP_SONGS else "dev" if place < POP_SONGS + 30 else "train"
        yield f"pop909/{folder.name}", split, partial(load_midi, folder / f"{folder.name}.mid")
    for paths in folk_files(data).values():
        for place, path in enumerate(paths[: PIECES["nottingham"] // 3]):
            split = "test" if place < TUNES else "dev" if place < TUNES + 6 else "train"
            yield f"nottingham/{path.name}", split, partial(_at_a_tempo, path)
    folders = {"midi_classical": "midi_classical", "vgmidi": "vgmidi/labelled", "emopia": "emopia/midi"}
    for source, inside in folders.items():
        paths = sorted((data / inside).glob("*.mid"), key=lambda path: labels.fraction(path.name, "choice"))
        for path in paths[: PIECES[source]]:
            yield f"{source}/{path.name}", split_of(f"{source}/{path.name}"), partial(load_midi, path)


def quiet_notes(job: Job) -> list[pretty_midi.Note]:
    """All pitched notes of a piece in order; none of a file that cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            midi = job[2]()
    except Exception:
        # Files of unknown origin break in as many ways as there are exceptions.
        return []
    notes = (note for part in midi.instruments if not part.is_drum for note in part.notes)
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def _at_a_tempo(path: Path) -> pretty_midi.PrettyMIDI:
    """A Nottingham tune, which has no tempo, at a random one that its name decides."""
    midi = load_midi(path)
    speed = float(np.exp(_generator(path.name).uniform(*np.log(TEMPI["4/4"])))) / 120.0
    midi.adjust_times([0.0, midi.get_end_time()], [0.0, midi.get_end_time() / speed])
    return midi


def _windows(job: Job, fonts: Fonts, emotion: FloatArray | None) -> Iterator[Sound]:
    name, split, load = job
    source, generator = name.partition("/")[0], _generator(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            midi = load()
            beats = midi.get_beats() if source != "emopia" else np.zeros(0)
            bars = midi.get_downbeats() if emotion is not None else np.zeros(0)
    except Exception as error:
        # Files of unknown origin break in as many ways as there are exceptions.
        print(f"{name}: {error}")
        return
    end, turn = midi.get_end_time(), int(generator.integers(8))
    parts = [(part.program, part.notes) for part in midi.instruments if not part.is_drum and part.notes]
    for window in range(WINDOWS[source]):
        kind = CASTS[source][(turn + window) % len(CASTS[source])]
        start = float(generator.uniform(0, max(end - WINDOW_SECONDS, 0.01)))
        inside = [(program, cut(notes, start)) for program, notes in parts]
        inside = [(program, notes) for program, notes in inside if notes]
        pulse = beats[(beats >= start - 0.6) & (beats < start + WINDOW_SECONDS + 0.6)] - start
        made = arrange(inside, kind, pulse.tolist(), generator) if inside else None
        if made is None:
            continue
        unseen = fonts.unseen if split == "test" and window % 2 == 1 else None
        font = unseen or fonts.known[int(generator.integers(len(fonts.known)))]
        samples = render(made.midi, 0.0, WINDOW_SECONDS, Performance(sound_font=font))
        samples = samples[: round(WINDOW_SECONDS * SAMPLE_RATE)]
        if float(np.sqrt(np.mean(np.square(samples)))) < 1e-4:
            continue
        if split != "train" or generator.random() < 0.5:
            samples = augment(samples, generator)
        known = music_labels() | instrument_labels(made.instruments) | _style(name, made.kind)
        known |= _tempo(source, pulse) | _mood(name, start, bars, emotion)
        yield Sound(samples, known, name, f"{source}/{kind}" + ("/unseen" if unseen else ""), split, taught=window == 0)


def music_labels() -> dict[str, float]:
    """What sound is where it is music alone."""
    return {"music": 1.0, "speech": 0.0, "noise": 0.0, "tone": 0.0, "click": 0.0, "silence": 0.0}


def instrument_labels(names: tuple[str, ...]) -> dict[str, float]:
    """All instruments are known; nobody sings, unless a choir could be taken for it."""
    known = {tag.name: float(tag.name in names) for tag in tags().entries if tag.dimension == "instruments"}
    return known if "choir" in names else known | {"singing": 0.0}


def _style(name: str, kind: str) -> dict[str, float]:
    source, _, file = name.partition("/")
    no_art = {"classical": 0.0, "baroque": 0.0, "romantic": 0.0}
    if source == "midi_classical" and kind in ("own", "orchestra", "solo", "duo"):
        composer = file.partition("-")[0]
        known = {"classical": 1.0, "pop": 0.0, "rock": 0.0, "electronic": 0.0, "folk": 0.0, "game": 0.0}
        if kind != "own":
            return {"rock": 0.0, "electronic": 0.0} if kind != "orchestra" else known
        if composer == "unknown":
            return known
        return known | {"baroque": float(composer in _BAROQUE), "romantic": float(composer in _ROMANTIC)}
    if source == "pop909" and kind == "band":
        return no_art | {"pop": 1.0, "folk": 0.0, "game": 0.0}
    if kind == "folk":
        return no_art | {"folk": 1.0, "pop": 0.0, "rock": 0.0, "electronic": 0.0, "game": 0.0}
    if kind == "game":
        return no_art | {"game": 1.0, "folk": 0.0, "pop": 0.0, "rock": 0.0}
    return {"game": 0.0}


def _tempo(source: str, pulse: Times) -> dict[str, float]:
    if source not in ("pop909", "nottingham") or len(pulse) < 4:
        return {}
    bpm = 60 / float(np.median(np.diff(pulse)))
    if min(abs(bpm / _SLOW - 1), abs(bpm / _FAST - 1)) < 0.03:
        return {}
    return {"slow": float(bpm < _SLOW), "moderate": float(_SLOW <= bpm <= _FAST), "fast": float(bpm > _FAST)}


_QUADRANTS = {
    1: {"joyful": 1.0, "sad": 0.0, "calm": 0.0, "tender": 0.0},
    2: {"tense": 1.0, "joyful": 0.0, "calm": 0.0, "tender": 0.0},
    3: {"sad": 1.0, "joyful": 0.0, "powerful": 0.0, "tense": 0.0},
    4: {"calm": 1.0, "tense": 0.0, "powerful": 0.0, "joyful": 0.0},
}


def _mood(name: str, start: float, bars: Times, emotion: FloatArray | None) -> dict[str, float]:
    """The quadrant of EMOPIA's clip, or of VGMIDI's bars where it is plain."""
    if name.startswith("emopia/"):
        return _QUADRANTS[int(name.partition("/")[2][1])]
    if emotion is None:
        return {}
    inside = [value for bar, value in zip(bars, emotion, strict=False) if start - 2 <= bar < start + WINDOW_SECONDS]
    if not inside:
        return {}
    valence, arousal = np.mean(inside, axis=0) - _VGMIDI_MEAN
    if max(abs(valence), abs(arousal)) < 0.12 or min(abs(valence), abs(arousal)) < 0.04:
        return {}
    quadrant = (1 if valence > 0 else 2) if arousal > 0 else (4 if valence > 0 else 3)
    return _QUADRANTS[quadrant]


def recordings(data: Path, share: Share) -> Iterator[Sound]:
    """The recordings of Emotify, in windows that overlap by half, with their genres and their listeners' moods."""
    with (data / "emotify" / "tracks.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (data / "emotify" / row["file"]).is_file()]
    for index, row in enumerate(rows):
        if not share.has(index):
            continue
        name = f"emotify/{row['track_id']}"
        samples = decode(data / "emotify" / row["file"])
        known = {"music": 1.0, "silence": 0.0, "tone": 0.0, "click": 0.0} | audioset.genre_labels(row["genre"])
        known |= audioset.mood_labels(row)
        step = WINDOW_SECONDS / 2
        for place in np.arange(0, max(samples.size / SAMPLE_RATE - WINDOW_SECONDS, 0) + 0.1, step):
            first = round(place * SAMPLE_RATE)
            piece = samples[first : first + round(WINDOW_SECONDS * SAMPLE_RATE)]
            yield Sound(piece, known, name, f"emotify/{row['genre']}", split_of(name), recorded=True)


def others(data: Path, share: Share) -> Iterator[Sound]:
    """Speech where espeak-ng is installed, noises, tones, clicks, silence."""
    nothing = {tag.name: 0.0 for tag in tags().entries}
    if speech.available():
        sentences = [text for text in _sentences(data) if 40 < len(text) < 400]
        for index in range(_SPOKEN):
            if share.has(index):
                generator = _generator(f"speech/{index}")
                held_out = index % 6 == 0
                voices = speech.HELD_OUT_VOICES if held_out else speech.VOICES
                text = " ".join(str(sentences[int(generator.integers(len(sentences)))]) for _ in range(3))
                samples = speech.speak(text, str(generator.choice(voices)), generator)
                samples = augment(np.resize(samples, round(WINDOW_SECONDS * SAMPLE_RATE)), generator)
                split = "test" if held_out else "train"
                yield Sound(samples, nothing | {"speech": 1.0}, f"speech/{index}", "speech", split)
    makers: dict[str, Callable[[np.random.Generator], FloatArray]] = {
        "noise": nonmusic.coloured_noise,
        "tone": lambda generator: nonmusic.steady_tones(generator) if generator.random() < 0.5 else _sine(generator),
        "click": lambda generator: nonmusic.impulses(generator) if generator.random() < 0.5 else _knock(generator),
        "silence": lambda generator: np.zeros(round(WINDOW_SECONDS * SAMPLE_RATE), np.float32),
    }
    for index in range(_OTHER):
        if share.has(index):
            kind = list(makers)[index % 4]
            generator = _generator(f"{kind}/{index}")
            samples = _levelled(makers[kind](generator), generator)
            split = "test" if index % 24 < 4 else "train"
            yield Sound(samples, nothing | {kind: 1.0}, f"{kind}/{index}", kind, split)


def _sine(generator: np.random.Generator) -> FloatArray:
    """One pure tone."""
    phase = (
        2 * np.pi * 60 * 2 ** generator.uniform(0, 6.5) / SAMPLE_RATE * np.arange(round(WINDOW_SECONDS * SAMPLE_RATE))
    )
    result: FloatArray = np.sin(phase).astype(np.float32)
    return result


def _knock(generator: np.random.Generator) -> FloatArray:
    """One or two short knocks within the first second, and nothing more."""
    samples = np.zeros(round(WINDOW_SECONDS * SAMPLE_RATE), np.float32)
    for _ in range(int(generator.integers(1, 3))):
        length = int(10 ** generator.uniform(0, 3.3))
        knock = generator.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
        start = int(generator.uniform(0, SAMPLE_RATE))
        samples[start : start + length] += knock.astype(np.float32)
    return samples


def _levelled(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """At a random level, at times over a faint noise floor or for a part of the window alone."""
    power, levelled = float(np.sqrt(np.mean(np.square(samples)))), samples.astype(np.float64)
    if power > 0:
        levelled *= 10 ** (generator.uniform(-45, -8) / 20) / power
        if generator.random() < 0.5:
            levelled *= np.arange(samples.size) < generator.uniform(0.03, 0.9) * samples.size
    if generator.random() < 0.6:
        levelled += generator.standard_normal(samples.size) * 10 ** (generator.uniform(-95, -72) / 20)
    result: FloatArray = np.clip(levelled, -1, 1).astype(np.float32)
    return result


def _sentences(data: Path) -> list[str]:
    with next((data / "emobank").rglob("*.csv")).open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"sounds:{name}".encode()).digest()[:6], "big"))
