"""Plain sentences about a piece of music: what was measured, and no more."""

from __future__ import annotations

from typing import Final

from luce.v1 import agents_pb2
from services.agents.moods import change_of, moods_of, uncertainty_of
from services.agents.tagging import told

_TEMPO_WORDS: Final = ((66.0, "very slow"), (92.0, "slow"), (120.0, "moderate"), (156.0, "fast"))
_LOUDNESS_WORDS: Final = ((-32.0, "very soft"), (-23.0, "soft"), (-14.0, "medium loud"))
_UNSURE: Final = 0.4
_NOT_MUSIC: Final = {
    "speech": "speech",
    "noise": "noise",
    "tone": "a steady tone",
    "click": "clicks",
    "silence": "near silence",
}


def summarize(music: agents_pb2.MusicDescription) -> str:
    """Two sentences at most: tempo, loudness and key; feeling and how it changes."""
    if music.silent:
        return f"{_length(music.duration_s)} of silence."
    sounds = told(music, "sound")
    if sounds and sounds[0].name != "music":
        return f"{_length(music.duration_s)} of {_NOT_MUSIC[sounds[0].name]}, and no music that could be told."
    loudness = _word(music.loudness_lufs, _LOUDNESS_WORDS, "loud")
    metre = f" in {music.time_signature}" if music.time_signature else ""
    if music.tempo_bpm > 0:
        pace = f"{_word(music.tempo_bpm, _TEMPO_WORDS, 'very fast')}, "
        beat = f"at about {music.tempo_bpm:.0f} beats per minute{metre}"
    else:
        pace, beat = "", "without a clear beat"
    key = f"in {music.key}" if music.key else "without a clear key"
    first = f"{_length(music.duration_s)} of {pace}{loudness} music {key}, {beat}."
    return f"{first} {_feeling(music)}"


def _feeling(music: agents_pb2.MusicDescription) -> str:
    valence, arousal = music.emotion.valence, music.emotion.arousal
    words = " and ".join(moods_of(valence, arousal, count=2))
    unsure = ", though this is uncertain" if sum(uncertainty_of(music)) / 2 > _UNSURE else ""
    change = change_of(music)
    grows = f", and grows {change} towards the end" if change else ""
    return f"It feels {words} (valence {valence:+.2f}, arousal {arousal:+.2f}){unsure}{grows}."


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds" if seconds >= 1.5 else f"{seconds:.1f} seconds"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} minutes"


def _word(value: float, table: tuple[tuple[float, str], ...], last: str) -> str:
    return next((word for limit, word in table if value < limit), last)
