"""The picture of `luce describe --plot`: where a piece is in the plane of feelings, how it goes on, what sounds.

It needs numpy, matplotlib and the decoder of `luce[local]`, so it is imported only when a picture is asked for.
"""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter

from luce._types import MusicDescription
from luce.cli.spectrogram import spectrogram
from luce.errors import InvalidArgument
from luce.server.media import Audio, MediaSettings
from luce.server.media.audio import decode
from luce.server.music.midi import MAGIC, MidiMusic, read_midi
from luce.server.vocabulary import vocabulary

_GROUND, _PANEL, _GRID = "#11131a", "#181b24", "#2b3040"
_TEXT, _FAINT = "#e4e7ee", "#79809a"
_VALENCE, _AROUSAL, _BEAT = "#4cc9b0", "#f2845c", "#ffffff"
_TIME_COLOURS, _SOUND_COLOURS = "viridis", "magma"
_LEFT, _RIGHT = 0.078, 0.972
_FEW_BEATS: Final = 240
_PITCHES: Final = {"C2": 65.41, "C3": 130.81, "C4": 261.63, "C5": 523.25, "C6": 1046.5, "C7": 2093.0, "C8": 4186.0}


def plot(music: MusicDescription, song: Path, target: Path) -> None:
    """Draw a description beside its recording.

    Args:
        music: The description.
        song: The recording, decoded here for its spectrogram; of a MIDI file the notes are drawn.
        target: Where the picture goes (png, pdf or svg); folders are made, a file that is there is replaced.

    Raises:
        RequestError: The recording does not decode here.
        InvalidArgument: The picture cannot be written.
    """
    with song.open("rb") as file:
        written = file.read(len(MAGIC)) == MAGIC
    source = read_midi(song.read_bytes(), "FILE") if written else decode(song, MediaSettings(), field="FILE")
    figure = Figure(figsize=(13, 9.9), dpi=130, facecolor=_GROUND)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 2.15), height_ratios=(1.12, 1), wspace=0.14, hspace=0.27)
    grid.update(left=_LEFT, right=_RIGHT, top=0.775, bottom=0.052)
    _head(figure, music, song.name)
    _plane(_panel(figure, grid[0, 0], "where it is"), music)
    _curve(_panel(figure, grid[0, 1], "how it goes on"), music)
    below = _panel(figure, grid[1, :], "what sounds, and the beats")
    if isinstance(source, MidiMusic):
        _notes(below, music, source)
    else:
        _sound(below, music, source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # No date inside: the same piece gives the same file.
        figure.savefig(target, facecolor=_GROUND, metadata={_dated(target): None})
    except OSError as error:
        raise InvalidArgument(f"plot: cannot write {target}: {error.strerror}", field="plot") from error


def _dated(target: Path) -> str:
    return {".svg": "Date", ".pdf": "CreationDate"}.get(target.suffix.lower(), "Software")


def _head(figure: Figure, music: MusicDescription, name: str) -> None:
    """Name, facts, caption, summary, and what was heard, from top to bottom."""
    figure.text(_LEFT, 0.962, textwrap.shorten(name, 70), color=_TEXT, size=19, weight="bold", va="center")
    facts = [
        _clock(music.duration_s),
        f"{music.tempo_bpm:.0f} bpm" if music.tempo_bpm else "no clear tempo",
        music.key or "no clear key",
        *([music.time_signature] if music.time_signature else []),
        f"{music.loudness_lufs:.1f} LUFS" if not music.silent else "silence",
    ]
    figure.text(_RIGHT, 0.962, "   ·   ".join(facts), color=_TEXT, size=12, va="center", ha="right")
    top = 0.932
    if music.caption:
        caption = textwrap.fill(music.caption, 128)
        figure.text(_LEFT, top, caption, color=_TEXT, size=11.5, va="top", linespacing=1.4)
        top -= 0.024 * (caption.count("\n") + 1) + 0.006
    summary = textwrap.fill(music.summary, 145)
    figure.text(_LEFT, top, summary, color=_FAINT, size=10.5, va="top", linespacing=1.45)
    top -= 0.021 * (summary.count("\n") + 1) + 0.006
    _heard(figure, music, top)


def _heard(figure: Figure, music: MusicDescription, top: float) -> None:
    """Instruments, style and mood in one line, each value with its probability where there is one."""
    sure = {tag.name: f" {tag.confidence:.0%}" for tag in music.tags}
    told = [
        f"{descriptor.dimension}:  {',  '.join(value + sure.get(value, '') for value in descriptor.values[:5])}"
        for descriptor in music.descriptors
        if descriptor.dimension in ("instruments", "style", "mood") and descriptor.values
    ]
    figure.text(_LEFT, top, "      ".join(told), color=_VALENCE, size=10.5, va="top")


def _panel(figure: Figure, place: Any, title: str) -> Axes:
    axes = figure.add_subplot(place, facecolor=_PANEL)
    axes.set_title(title, color=_FAINT, size=10.5, loc="left", pad=7)
    axes.tick_params(colors=_FAINT, labelsize=9, length=0, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _plane(axes: Axes, music: MusicDescription) -> None:
    """Valence to the right, arousal upwards; the path from dark to light, the whole piece as a ring."""
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", anchor="W")
    axes.set_xlabel("valence", color=_VALENCE, size=10)
    axes.set_ylabel("arousal", color=_AROUSAL, size=10)
    axes.set_xticks((-1, -0.5, 0, 0.5, 1))
    axes.set_yticks((-1, -0.5, 0, 0.5, 1))
    axes.add_patch(Ellipse((0, 0), 2, 2, fill=False, edgecolor=_GRID, linewidth=1))
    axes.axhline(0, color=_GRID, linewidth=1)
    axes.axvline(0, color=_GRID, linewidth=1)
    for x, y, word in _moods():
        axes.text(x, y, word, color="#555d76", size=7.5, ha="center", va="center")
    valence, arousal = _values(music)
    if valence.size:
        path = np.stack([valence, arousal], axis=1)[:, np.newaxis]
        links = np.concatenate([path[:-1], path[1:]], axis=1)
        order = np.linspace(0.15, 1.0, len(links))
        axes.add_collection(
            LineCollection(
                list(links), cmap=_TIME_COLOURS, array=order, norm="linear", linewidth=1.6, alpha=0.9, zorder=3
            )
        )
        axes.scatter(
            valence, arousal, c=np.linspace(0.15, 1.0, valence.size), cmap=_TIME_COLOURS, vmin=0, vmax=1, s=9, zorder=4
        )
        outline = [withStroke(linewidth=2.5, foreground=_PANEL)]
        for index, word, away in ((0, "start", (-12, 9)), (-1, "end", (12, 9)))[: valence.size]:
            axes.annotate(
                word,
                path[index, 0],
                away,
                textcoords="offset points",
                color=_TEXT,
                size=8.5,
                ha="right" if away[0] < 0 else "left",
                path_effects=outline,
                zorder=6,
            )
    whole = (music.emotion.valence, music.emotion.arousal)
    spread = _spread(music)
    axes.add_patch(Ellipse(whole, 2 * spread[0], 2 * spread[1], color=_TEXT, alpha=0.1, linewidth=0, zorder=2))
    axes.scatter(*whole, s=190, facecolor="none", edgecolor=_TEXT, linewidth=2, zorder=5)


def _moods() -> list[tuple[float, float, str]]:
    """The vocabulary's moods with their places, those that would overlap moved apart."""
    placed: list[tuple[float, float, str]] = []
    for mood in sorted(vocabulary().entries("mood").values(), key=lambda entry: -entry.arousal):
        y = mood.arousal
        while any(abs(mood.valence - x) < 0.36 and abs(y - other) < 0.07 for x, other, _ in placed):
            y -= 0.03
        placed.append((mood.valence, y, mood.phrases[0]))
    return placed


def _curve(axes: Axes, music: MusicDescription) -> None:
    """Valence and arousal over time, each with its standard deviation as a band."""
    axes.set(xlim=(0, max(music.duration_s, 1e-3)), ylim=(-1.05, 1.05))
    axes.set_yticks((-1, -0.5, 0, 0.5, 1))
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    axes.axhline(0, color="#3b4256", linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    times = np.array([point.start_s + point.duration_s / 2 for point in music.curve])
    spreads = (
        np.array([point.valence_uncertainty for point in music.curve]),
        np.array([point.arousal_uncertainty for point in music.curve]),
    )
    for name, colour, values, spread in zip(
        ("valence", "arousal"), (_VALENCE, _AROUSAL), _values(music), spreads, strict=True
    ):
        if not times.size:
            continue
        axes.fill_between(times, values - spread, values + spread, color=colour, alpha=0.16, linewidth=0)
        axes.plot(times, values, color=colour, linewidth=2, label=name, marker="o" if times.size == 1 else "")
    if times.size:
        axes.legend(loc="upper right", ncols=2, frameon=False, labelcolor="linecolor", fontsize=10)
    else:
        axes.text(0.5, 0.5, "silence", color=_FAINT, ha="center", va="center", transform=axes.transAxes)


def _sound(axes: Axes, music: MusicDescription, audio: Audio) -> None:
    """The spectrogram, on the scale of the ear, under a tick for each beat."""
    shown = spectrogram(audio.samples, audio.sample_rate)
    low, high = math.log2(shown.low_hz), math.log2(shown.high_hz)
    axes.imshow(
        shown.levels_db,
        origin="lower",
        aspect="auto",
        cmap=_SOUND_COLOURS,
        extent=(0, shown.seconds, low, high),
        interpolation="bilinear",
    )
    axes.yaxis.set_major_locator(FixedLocator([math.log2(hertz) for hertz in _PITCHES.values()]))
    axes.set_yticklabels([f"{name}  {hertz:.0f} Hz" for name, hertz in _PITCHES.items()])
    _beats(axes, music, shown.seconds, low, high)


def _notes(axes: Axes, music: MusicDescription, piece: MidiMusic) -> None:
    """The notes of a MIDI file, bright where they are loud, under a tick for each beat."""
    notes = piece.notes
    low, high = min(48, int(notes.pitch.min()) - 2), max(72, int(notes.pitch.max()) + 2)
    bars = np.stack(
        [np.stack([notes.onset_s, notes.pitch], axis=1), np.stack([notes.offset_s, notes.pitch], axis=1)], axis=1
    )
    width = 0.75 * axes.get_window_extent().height / axes.figure.dpi * 72 / (high - low)
    drawn = LineCollection(list(bars), cmap=_SOUND_COLOURS, array=notes.amplitude, linewidth=width, capstyle="butt")
    drawn.set_clim(-0.35, 1.1)
    axes.add_collection(drawn)
    octaves = [pitch for pitch in range(0, 128, 12) if low <= pitch <= high]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    _beats(axes, music, piece.seconds, low, high)


def _beats(axes: Axes, music: MusicDescription, seconds: float, low: float, high: float) -> None:
    """The time axis, and a tick above `high` for each beat; a faint line down to `low` where they are few."""
    above = high + 0.045 * (high - low)
    axes.set(xlim=(0, seconds), ylim=(low, above))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda second, _: _clock(second)))
    beats = np.asarray(music.beat_times)
    axes.vlines(beats, (high + 0.25 * (above - high)), above, color=_BEAT, linewidth=1.1, alpha=0.9)
    if 0 < beats.size <= _FEW_BEATS:
        axes.vlines(beats, low, high, color=_BEAT, linewidth=0.5, alpha=0.16)


def _values(music: MusicDescription) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return (
        np.array([point.emotion.valence for point in music.curve]),
        np.array([point.emotion.arousal for point in music.curve]),
    )


def _spread(music: MusicDescription) -> tuple[float, float]:
    if not music.curve:
        return 0.0, 0.0
    return (
        float(np.mean([point.valence_uncertainty for point in music.curve])),
        float(np.mean([point.arousal_uncertainty for point in music.curve])),
    )


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
