"""All that is heard in a piece of music, by one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.errors import InvalidArgument
from luce.server.music import descriptors, key, loudness, onsets, pitch, spectra, tempo, timbre
from luce.server.music.descriptors import DescriptorCurve
from luce.server.music.key import KeyEstimate
from luce.server.music.loudness import SILENCE_LUFS, Loudness
from luce.server.music.tempo import TempoEstimate

#: Share of a peak frame's energy at spectral peaks below which a frame does not count as sounding for the key.
_NOTHING = 1e-6


@dataclass(frozen=True)
class MusicAnalysis:
    """The analysis of a piece.

    Attributes:
        seconds: duration.
        silent: True where no 400 ms are louder than -70 LUFS; then tempo and key are None and onsets empty.
        tempo: tempo and beats.
        key: key and mode.
        loudness: loudness and dynamics.
        onset_times: (N,) float32, times of the onsets in seconds.
        descriptors: the curve that ``music_emotion`` reads.
    """

    seconds: float
    silent: bool
    tempo: TempoEstimate
    key: KeyEstimate
    loudness: Loudness
    onset_times: spectra.FloatArray
    descriptors: DescriptorCurve


def analyze(samples: npt.NDArray[Any], sample_rate: int = spectra.SAMPLE_RATE) -> MusicAnalysis:
    """Analyse mono samples in [-1, 1] at 22050 Hz.

    Spectra are taken block by block and only features a frame are kept: about 1 MB a minute beside the samples.
    Raises :class:`luce.errors.InvalidArgument` for another rate or shape, no samples, or values that are not finite.
    """
    if sample_rate != spectra.SAMPLE_RATE:
        message = f"sample_rate must be {spectra.SAMPLE_RATE} Hz, got {sample_rate}"
        raise InvalidArgument(message, field="sample_rate", limit=str(spectra.SAMPLE_RATE))
    signal = spectra.as_mono(samples)
    powers = loudness.block_powers(signal)
    loud = loudness.measure(signal, powers)
    envelope = onsets.onset_envelope(onsets.band_levels(signal))
    onset_times, onset_heights = onsets.pick_onsets(envelope)
    beat = tempo.estimate_tempo(envelope)
    peaks = pitch.spectral_peaks(signal)
    deviation, agreement = pitch.tuning(peaks)
    salience = pitch.semitone_salience(peaks, deviation)
    chroma, lowest = pitch.chroma(salience), pitch.lowest_notes(salience)
    sounding = peaks.tonal_share > _NOTHING
    tonal = float(peaks.tonal_share[sounding].mean()) if sounding.any() else 0.0
    tracks = descriptors.Tracks(
        seconds=descriptors.seconds_of(signal),
        block_powers=powers,
        integrated_lufs=loud.integrated_lufs,
        timbre=timbre.timbre(signal),
        envelope=envelope,
        onset_times=onset_times,
        onset_heights=onset_heights,
        tempo=beat,
        salience=salience,
        chroma=chroma,
        lowest_notes=lowest,
        roughness=pitch.roughness(peaks),
        tonal_share=peaks.tonal_share,
        tuning_agreement=agreement,
    )
    return MusicAnalysis(
        seconds=tracks.seconds,
        silent=bool(np.all(loudness.lufs(powers) <= SILENCE_LUFS)),
        tempo=beat,
        key=key.estimate_key(chroma, lowest, agreement, tonal),
        loudness=loud,
        onset_times=onset_times,
        descriptors=descriptors.describe(tracks),
    )
