"""All that is heard in a piece of music, by one call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.errors import InvalidArgument
from luce.server.music import descriptors, key, loudness, onsets, pitch, rhythm, spectra, tempo, timbre
from luce.server.music.descriptors import DescriptorCurve
from luce.server.music.emotion_input import music_rows
from luce.server.music.key import KeyEstimate
from luce.server.music.loudness import SILENCE_LUFS, Loudness
from luce.server.music.metre import NO_METRE, MetreEstimate
from luce.server.music.notes import Notes
from luce.server.music.tempo import TempoEstimate

#: Share of a peak frame's energy at spectral peaks below which a frame does not count as sounding for the key.
_NOTHING = 1e-6
#: Samples that are analysed at a time: twenty seconds.
PIECE_SAMPLES = 20 * spectra.SAMPLE_RATE


@dataclass(frozen=True)
class MusicAnalysis:
    """The analysis of a piece.

    Attributes:
        seconds: duration.
        silent: True where no 400 ms are louder than -70 LUFS; then tempo and key are None and onsets empty.
        tempo: tempo and beats.
        key: key and mode.
        metre: the time signature, as far as it can be heard.
        loudness: loudness and dynamics.
        onset_times: (N,) float32, times of the onsets in seconds.
        notes: as transcribed; None where nobody transcribed them.
        descriptors: the signal's descriptors of each window.
    """

    seconds: float
    silent: bool
    tempo: TempoEstimate
    key: KeyEstimate
    metre: MetreEstimate
    loudness: Loudness
    onset_times: spectra.FloatArray
    notes: Notes | None
    descriptors: DescriptorCurve

    @property
    def emotion_rows(self) -> spectra.FloatArray:
        """What ``music_emotion`` reads: (W + 1, 70) float32, a row for each window and a last one for the whole.

        Raises :class:`ValueError` where the notes were not transcribed.
        """
        if self.notes is None:
            raise ValueError("a recording is to be analysed with its notes to be felt")
        return music_rows(self.descriptors, self.notes, self.seconds)


class Analyzer:
    """Analyses a recording that comes in pieces.

    Only features a frame are kept, about 0.35 MB a minute. How the samples are cut
    changes the last bits at most.
    """

    def __init__(self) -> None:
        self._loudness = loudness.LoudnessMeter()
        self._short = spectra.FrameStream(onsets.ONSET_FFT, onsets.ONSET_HOP)
        self._long = spectra.FrameStream(pitch.PEAK_FFT, pitch.PEAK_HOP)
        self._rises = onsets.Rises()
        self._timbre = [spectra.Track() for _ in fields(timbre.Timbre)]
        self._peaks = [spectra.Track(width=width) for width in (pitch.PEAK_COUNT, pitch.PEAK_COUNT, None)]
        self._samples = 0

    def feed(self, samples: spectra.FloatArray) -> None:
        """Take the next samples, (n,) float32 at 22050 Hz, finite."""
        self._samples += samples.size
        self._loudness.feed(samples)
        self._keep(self._short.feed(samples), self._long.feed(samples))

    def finish(self, notes: Notes | None = None) -> MusicAnalysis:
        """Analyse what came, at least one sample.

        With the transcribed notes the tempo is found in more music and its level is surer; without them there is no
        metre.
        """
        self._keep(self._short.finish(), self._long.finish())
        powers, loud = self._loudness.powers(), self._loudness.loudness()
        envelope = self._rises.envelope()
        del self._rises
        onset_times, onset_heights = onsets.pick_onsets(envelope)
        # The descriptors hold the signal's own tempo, which their model was trained on.
        beat = tempo.estimate_tempo(envelope)
        peaks = pitch.Peaks.joined([pitch.Peaks(*(track.whole() for track in self._peaks))])
        self._peaks.clear()
        deviation, agreement = pitch.tuning(peaks)
        salience = pitch.semitone_salience(peaks, deviation)
        chroma, lowest = pitch.chroma(salience), pitch.lowest_notes(salience)
        sounding = peaks.tonal_share > _NOTHING
        tonal = float(peaks.tonal_share[sounding].mean()) if sounding.any() else 0.0
        tracks = descriptors.Tracks(
            seconds=self._samples / spectra.SAMPLE_RATE,
            block_powers=powers,
            integrated_lufs=loud.integrated_lufs,
            timbre=timbre.Timbre(*(track.whole() for track in self._timbre)),
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
        silent = bool(np.all(loudness.lufs(powers) <= SILENCE_LUFS))
        felt, metre = (beat, NO_METRE) if notes is None or silent else rhythm.estimate_rhythm(envelope, notes)
        return MusicAnalysis(
            seconds=tracks.seconds,
            silent=silent,
            tempo=felt,
            key=key.estimate_key(chroma, lowest, agreement, tonal),
            metre=metre,
            loudness=loud,
            onset_times=onset_times,
            notes=notes,
            descriptors=descriptors.describe(tracks),
        )

    def _keep(self, short: spectra.FloatArray, long: spectra.FloatArray) -> None:
        if len(short):
            self._rises.feed(onsets.levels_of(short))
            _add(self._timbre, timbre.timbre_of(short))
        if len(long):
            _add(self._peaks, pitch.peaks_of(long))


def _add(tracks: list[spectra.Track], part: timbre.Timbre | pitch.Peaks) -> None:
    """Keep each field of a stretch in its track."""
    for track, field in zip(tracks, fields(part), strict=True):
        track.add(getattr(part, field.name))


def analyze(
    samples: npt.NDArray[Any], sample_rate: int = spectra.SAMPLE_RATE, notes: Notes | None = None
) -> MusicAnalysis:
    """Analyse mono samples in [-1, 1] at 22050 Hz, as :class:`Analyzer` does.

    Raises :class:`luce.errors.InvalidArgument` for another rate or shape, no samples, or values that are not finite.
    """
    if sample_rate != spectra.SAMPLE_RATE:
        message = f"sample_rate must be {spectra.SAMPLE_RATE} Hz, got {sample_rate}"
        raise InvalidArgument(message, field="sample_rate", limit=str(spectra.SAMPLE_RATE))
    signal = spectra.as_mono(samples)
    analyzer = Analyzer()
    for start in range(0, signal.size, PIECE_SAMPLES):
        analyzer.feed(signal[start : start + PIECE_SAMPLES])
    return analyzer.finish(notes)
