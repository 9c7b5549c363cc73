"""Tempo, beats and metre of a piece, from its onset envelope and its notes together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luce.server.music.metre import NO_METRE, RATIOS, MetreEstimate, estimate_metre
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND, pick_onsets
from luce.server.music.pulse import FRAMES_A_PULSE, Pulse, follow_pulse, joint_envelope, note_envelope
from luce.server.music.spectra import FloatArray
from luce.server.music.tempo import CLEAR_TEMPO_CONFIDENCE, TempoEstimate, autocorrelation, track_beats

#: Tempi that are named, in beats a minute.
SLOWEST_BPM, FASTEST_BPM = 36.0, 240.0
#: Prior over the beat, a normal curve over octaves, chosen on rendered songs of POP909.
_PREFERRED_BPM, _PREFERENCE_OCTAVES = 95.0, 0.8
#: Another level of the pulse is told as an alternative from this probability on, at most so many.
_LEAST_ALTERNATIVE, _MOST_ALTERNATIVES = 0.05, 3
#: Half and double are the commonest errors: they are told sooner.
_LEAST_OCTAVE = 0.005
_SHORTEST_SECONDS = 3.0
_FEWEST_ONSETS, _FEWEST_A_SECOND = 6, 0.4
#: Evidence at which a tempo begins to be believed, and at which it is sure; between music and talk, by rendered songs.
_EVIDENCE = (0.03, 0.18)


def estimate_rhythm(envelope: FloatArray, notes: Notes) -> tuple[TempoEstimate, MetreEstimate]:
    """Estimate the tempo, track the beats and tell the metre of a whole piece.

    Args:
        envelope: (T,) from :func:`luce.server.music.onsets.onset_envelope`; all zero where there is no sound, only
            notes.
        notes: as transcribed or written; none where they are not known.
    """
    seconds = envelope.size / ONSET_FRAMES_PER_SECOND
    joint = joint_envelope(envelope, notes)
    events = max(pick_onsets(envelope)[0].size, _events(notes))
    if seconds < _SHORTEST_SECONDS or events < _FEWEST_ONSETS or events / seconds < _FEWEST_A_SECOND:
        return TempoEstimate(None, 0.0, (), 0.0), NO_METRE
    pulse = follow_pulse(joint)
    straight = pulse.straightened(joint)
    clarity = _clarity(straight)
    # Notes repeat in time only where there is music; the signal of talk and of clatter does by chance.
    evidence = clarity + 0.5 * _clarity(pulse.straightened(note_envelope(notes, envelope.size)))
    low, high = _EVIDENCE
    confidence = float(np.clip((evidence - low) / (high - low), 0, 1))
    if confidence < CLEAR_TEMPO_CONFIDENCE:
        return TempoEstimate(None, confidence, (), clarity), NO_METRE
    metre, likely = estimate_metre(notes, pulse)
    levels = _levels(pulse, likely)
    beats = pulse.seconds(track_beats(straight, FRAMES_A_PULSE * levels[0]) / FRAMES_A_PULSE)
    bpm = _tempo(beats, 60 / (pulse.period * levels[0]))
    others = tuple(bpm * levels[0] / level for level in levels[1:])
    return TempoEstimate(bpm, confidence, tuple(map(float, beats)), clarity, others), metre


def _events(notes: Notes) -> int:
    return int((np.diff(notes.onset_s, prepend=-1.0) > 0.04).sum())


def _clarity(straight: FloatArray) -> float:
    """How high the autocorrelation of the straightened envelope stands at multiples of the pulse."""
    curve = autocorrelation(straight, 4 * FRAMES_A_PULSE)
    one, two, three, four = (float(curve[multiple * FRAMES_A_PULSE]) for multiple in (1, 2, 3, 4))
    return float(np.clip((one + 0.7 * two + 0.3 * three + 0.5 * four) / 2.5, 0, 1))


def _levels(pulse: Pulse, likely: npt.NDArray[np.float64]) -> list[float]:
    """Lengths of the beat in pulses: the likeliest, then others worth telling, likelier first."""
    bpm = 60 / (pulse.period * np.array(RATIOS))
    preference = np.exp(-0.5 * np.square(np.log2(bpm / _PREFERRED_BPM) / _PREFERENCE_OCTAVES))
    chances = np.where((bpm >= SLOWEST_BPM) & (bpm <= FASTEST_BPM), likely * preference, 0)
    chances = chances / max(float(chances.sum()), 1e-9)
    order = np.argsort(-chances)
    octaves = {RATIOS[order[0]] / 2, RATIOS[order[0]] * 2}
    told = [
        index
        for index in order[1:]
        if chances[index] >= (_LEAST_OCTAVE if RATIOS[index] in octaves else _LEAST_ALTERNATIVE)
    ][:_MOST_ALTERNATIVES]
    return [RATIOS[index] for index in (order[0], *told)]


def _tempo(beats: npt.NDArray[np.float64], bpm: float) -> float:
    """The tempo of the beats' median interval over eight beats, where it agrees with ``bpm`` to 6 %."""
    step = min(8, beats.size - 1)
    if step < 1:
        return bpm
    refined = 60 * step / float(np.median(beats[step:] - beats[:-step]))
    return refined if abs(refined / bpm - 1) < 0.06 else bpm
