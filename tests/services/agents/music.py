"""Descriptions to imagine from."""

from __future__ import annotations

from luce.v1 import agents_pb2, emotion_pb2


def described(
    valence: float = 0.0,
    arousal: float = 0.0,
    *,
    tempo: float = 110.0,
    loudness: float = -18.0,
    key: str = "",
    duration: float = 30.0,
) -> agents_pb2.MusicDescription:
    return agents_pb2.MusicDescription(
        duration_s=duration,
        tempo_bpm=tempo,
        loudness_lufs=loudness,
        key=key,
        emotion=emotion_pb2.Emotion(valence=valence, arousal=arousal),
    )


HAPPY = described(0.4, 0.4, tempo=150, loudness=-10, key="G major")
ANGRY = described(-0.4, 0.4, tempo=165, loudness=-8, key="D minor")
SAD = described(-0.4, -0.4, tempo=58, loudness=-28, key="A minor")
CALM = described(0.4, -0.4, tempo=66, loudness=-26, key="C major")
