"""A picture of a piece: its notes over time, by role, with bars and key."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from luce.server.music.composing.performance import DRUM_CHANNEL, Manner, perform
from luce.server.music.composing.score import BASS, HARMONY, MELODY, METRES, Score
from luce.server.music.key import PITCH_CLASSES

_GROUND, _ROW, _LINE, _BEAT, _TEXT, _FAINT = "#11131a", "#171a22", "#343a4d", "#20242f", "#e4e7ee", "#79809a"
_COLOURS: Final = {MELODY: "#f2845c", HARMONY: "#4cc9b0", BASS: "#7f8cff"}
_DRUMS: Final = "#79809a"
_NAMES: Final = {MELODY: "melody", HARMONY: "harmony", BASS: "bass"}
_BLACK: Final = frozenset((1, 3, 6, 8, 10))

_HEAD, _FOOT, _LEFT, _RIGHT = 64, 26, 46, 14
_LEAST_SPAN: Final = 24
"""Semitones that are drawn at least."""


def piano_roll(score: Score, manner: Manner, *, title: str = "", width: int = 1280, height: int = 480) -> bytes:
    """Draw a piece.

    Args:
        score: in C major or A minor; drawn as it is played.
        manner: how it is played.
        title: words above it, one line.
        width: pixels.
        height: pixels.

    Returns:
        A PNG file, the same for the same piece.
    """
    image = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(image)
    right, bottom = width - _RIGHT, height - _FOOT
    pitches = score.pitch + manner.shift
    low = int(pitches.min()) - 2 if score.count else 48
    high = int(pitches.max()) + 3 if score.count else 72
    spare = max(0, _LEAST_SPAN - (high - low))
    low, high = low - spare // 2, high + spare - spare // 2
    row = (bottom - _HEAD) / (high - low)
    step = (right - _LEFT) / max(score.positions, 1)

    def top(pitch: int) -> float:
        return bottom - (pitch - low + 1) * row

    for pitch in range(low, high):
        if pitch % 12 in _BLACK:
            draw.rectangle((_LEFT, top(pitch), right, top(pitch) + row - 1), fill=_ROW)
        if pitch % 12 == 0:
            draw.text((_LEFT - 8, top(pitch) + row / 2), f"C{pitch // 12 - 1}", _FAINT, _font(12), anchor="rm")
    _grid(draw, score, step, (_HEAD, bottom))
    _drums(draw, score, manner, step, bottom)
    for role in (HARMONY, BASS, MELODY):
        for index in np.flatnonzero(score.role == role):
            left = _LEFT + score.onset[index] * step
            end = left + max(score.length[index] * step - 1.5, 2)
            above = top(int(pitches[index]))
            box = (left, above + 0.5, end, above + max(row - 0.5, 2))
            draw.rounded_rectangle(box, radius=min(row / 3, 3), fill=_COLOURS[role])
    _legend(draw, score, manner, title, right)
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _grid(draw: ImageDraw.ImageDraw, score: Score, step: float, span: tuple[int, int]) -> None:
    metre = METRES[score.metre]
    every = max(1, -(-score.bars // 24))
    for place in range(0, score.positions + 1, metre.beat):
        bar, inside = divmod(place, metre.positions)
        if inside and step * metre.beat < 6:
            continue
        x = _LEFT + place * step
        draw.line((x, span[0], x, span[1]), fill=_BEAT if inside else _LINE)
        if not inside and bar < score.bars and bar % every == 0:
            draw.text((x + 3, span[1] + 5), str(bar + 1), _FAINT, _font(12))


def _drums(draw: ImageDraw.ImageDraw, score: Score, manner: Manner, step: float, bottom: int) -> None:
    if not manner.orchestra.drums:
        return
    for note in perform(score, manner):
        if note.channel == DRUM_CHANNEL:
            x = _LEFT + note.start_s / manner.step_s * step
            draw.line((x, bottom - 1 - note.velocity / 12, x, bottom - 1), fill=_DRUMS)


def _legend(draw: ImageDraw.ImageDraw, score: Score, manner: Manner, title: str, right: int) -> None:
    mode = "minor" if manner.minor else "major"
    facts = f"{PITCH_CLASSES[manner.tonic]} {mode}, {METRES[score.metre].name}, {manner.bpm:.0f} bpm"
    draw.text((right, 14), facts, _FAINT, _font(15), anchor="ra")
    if title:
        room = right - _LEFT - draw.textlength(facts, _font(15)) - 24
        font = _font(19)
        while title and draw.textlength(title, font) > room:
            title = title[:-1]
        draw.text((_LEFT, 11), title, _TEXT, font)
    x = float(_LEFT)
    for role in (MELODY, HARMONY, BASS):
        names = ", ".join(one.name for one in manner.orchestra.players[role])
        draw.rectangle((x, 44, x + 10, 54), fill=_COLOURS[role])
        text = f"{_NAMES[role]}: {names}"
        draw.text((x + 16, 49), text, _FAINT, _font(13), anchor="lm")
        x += 40 + draw.textlength(text, _font(13))
    if manner.orchestra.drums:
        draw.text((x, 49), "with drums", _FAINT, _font(13), anchor="lm")
