"""The SDK's values as JSON; the schema is told in docs/cli.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from luce._music_types import Composition
from luce._report import AgentReport
from luce._types import (
    Alignment,
    Descriptor,
    EmotionPoint,
    Feeling,
    Imagined,
    Job,
    MusicDescription,
    PaintedImage,
    Painting,
    PictureMeasures,
)
from luce.cli.output import error_json
from luce.emotion import Emotion


def emotion(value: Emotion) -> dict[str, Any]:
    """A point of feeling."""
    return {
        "valence": round(value.valence, 4),
        "arousal": round(value.arousal, 4),
        "dominance": round(value.dominance, 4),
        "quadrant": value.quadrant,
    }


def music(value: MusicDescription) -> dict[str, Any]:
    """What a piece says of itself, with its curve."""
    return {
        "summary": value.summary,
        "duration_s": round(value.duration_s, 3),
        "silent": value.silent,
        "tempo_bpm": None if value.tempo_bpm is None else round(value.tempo_bpm, 1),
        "tempo_confidence": round(value.tempo_confidence, 3),
        "key": value.key,
        "key_confidence": round(value.key_confidence, 3),
        "loudness_lufs": round(value.loudness_lufs, 2),
        "emotion": emotion(value.emotion),
        "curve": curve(value.curve),
        "time_signature": value.time_signature,
        "time_signature_confidence": round(value.time_signature_confidence, 3),
        "beat_times": [round(time, 3) for time in value.beat_times],
        "tempo_alternatives": [round(bpm, 1) for bpm in value.tempo_alternatives],
        "key_alternatives": list(value.key_alternatives),
        "descriptors": [_descriptor(descriptor) for descriptor in value.descriptors],
        "caption": value.caption,
        "caption_source": value.caption_source,
        "parts": [
            {"start_s": round(part.start_s, 3), "duration_s": round(part.duration_s, 3), "caption": part.caption}
            for part in value.parts
        ],
        "tags": [
            {"dimension": tag.dimension, "name": tag.name, "confidence": round(tag.confidence, 3)} for tag in value.tags
        ],
    }


def curve(points: Sequence[EmotionPoint]) -> list[dict[str, float]]:
    """An emotion as it goes on."""
    return [
        {
            "start_s": round(point.start_s, 3),
            "duration_s": round(point.duration_s, 3),
            "valence": round(point.emotion.valence, 4),
            "arousal": round(point.emotion.arousal, 4),
            "valence_uncertainty": round(point.valence_uncertainty, 4),
            "arousal_uncertainty": round(point.arousal_uncertainty, 4),
        }
        for point in points
    ]


def feeling(value: Feeling) -> dict[str, Any]:
    """How a medium feels, with its curve."""
    valence, arousal = value.uncertainty
    return {
        "medium": value.medium,
        **emotion(value.emotion),
        "valence_uncertainty": round(valence, 4),
        "arousal_uncertainty": round(arousal, 4),
        "curve": curve(value.curve),
        "notes": list(value.notes),
    }


def alignment(value: Alignment) -> dict[str, Any]:
    """How well an image and a piece of music fit."""
    return {
        "overall": round(value.overall, 4),
        "emotion": round(value.emotion, 4),
        "semantic": None if value.semantic is None else round(value.semantic, 4),
        "image_emotion": emotion(value.image_emotion),
        "music_emotion": emotion(value.music_emotion),
        "reasons": [
            {"axis": reason.axis, "fit": round(reason.fit, 4), "text": reason.text} for reason in value.reasons
        ],
        "seen": list(value.seen),
        "heard": list(value.heard),
    }


def _descriptor(value: Descriptor) -> dict[str, Any]:
    return {
        "dimension": value.dimension,
        "values": list(value.values),
        "confidence": round(value.confidence, 3),
        "source": value.source,
        "texts": list(value.texts) if any(value.texts) else None,
        "text_source": value.text_source,
    }


def composition(value: Composition, *, source: str, files: Sequence[dict[str, Any]], wall_s: float) -> dict[str, Any]:
    """What a compose or a score job wrote, and where its files were written."""
    return {
        "source": source,
        "seed": value.seed,
        "emotion": emotion(value.emotion),
        "pieces": [
            {
                "seed": piece.seed,
                "duration_s": round(piece.duration_s, 3),
                "asked": emotion(piece.asked),
                "obtained": emotion(piece.obtained),
                "curve": curve(piece.curve),
                "key": piece.key,
                "time_signature": piece.time_signature,
                "tempo_bpm": round(piece.tempo_bpm, 2),
                "instruments": list(piece.instruments),
                "candidate": piece.candidate,
                "candidates": piece.candidates,
                "loudness_lufs": round(piece.loudness_lufs, 2),
                "notes": piece.notes,
                "files": [
                    {"path": file["path"], "part": file["part"], "sha256": file["sha256"]}
                    for file in files
                    if file["piece"] == index
                ],
            }
            for index, piece in enumerate(value.pieces)
        ],
        "chain": [
            {
                "stage": step.stage,
                "text": step.text,
                "elements": [
                    {"name": one.name, "values": list(one.values), "reason": one.reason or None}
                    for one in step.elements
                ],
            }
            for step in value.chain
        ],
        "shots": [
            {"start_s": round(shot.start_s, 3), "duration_s": round(shot.duration_s, 3), **emotion(shot.emotion)}
            for shot in value.shots
        ],
        "models": dict(value.job.models),
        "timings": _timings(value.job),
        "wall_s": round(wall_s, 3),
        "job": value.job.id,
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def job(value: Job) -> dict[str, Any]:
    """A job's record."""
    return {
        "id": value.id,
        "kind": value.kind,
        "state": value.state.value,
        "position": value.position,
        "stage": value.stage,
        "fraction": round(value.fraction, 4),
        "eta_s": value.eta_s,
        "attempts": value.attempts,
        "created_at": _time(value.created_at),
        "started_at": _time(value.started_at),
        "finished_at": _time(value.finished_at),
        "timings": _timings(value),
        "seed": value.seed,
        "models": dict(value.models),
        "prompts": [picture.prompt.text for picture in value.pictures],
        "error": None if value.error is None else error_json(value.error),
    }


def _timings(value: Job) -> dict[str, float]:
    return {stage: round(spent, 4) for stage, spent in value.timings.items()}


def painting(value: Painting, *, song: str | None, files: list[str], wall_s: float) -> dict[str, Any]:
    """What a paint job made, and where it was written."""
    film = value.animation
    # Of an animation one file was written, and its key pictures were not.
    paths: list[str | None] = [None] * len(value.images) if film is not None else [*files]
    return {
        "song": song,
        "prompt": value.prompts[0] if value.prompts else None,
        "prompts": list(value.prompts),
        "seed": value.seed,
        "emotion": None if value.music is None else emotion(value.music.emotion),
        "music": None if value.music is None else music(value.music),
        "models": dict(value.job.models),
        "timings": _timings(value.job),
        "wall_s": round(wall_s, 3),
        "job": value.job.id,
        "files": [_picture(path, image) for path, image in zip(paths, value.images, strict=True)],
        "animation": None
        if film is None
        else {
            "path": files[0],
            "media_type": film.blob.media_type,
            "duration_s": round(film.duration_s, 3),
            "frames_per_second": film.frames_per_second,
            "width": film.width,
            "height": film.height,
            "sound": film.sound,
            "sha256": film.blob.sha256,
        },
        "report": None if value.report is None else report(value.report),
    }


def imagined(value: Imagined) -> dict[str, Any]:
    """What the agents made of it."""
    return {
        "prompts": [
            {
                "text": prompt.text,
                "negative_text": prompt.negative_text,
                "attributes": dict(prompt.attributes),
                "vocabulary": dict(prompt.vocabulary),
                "emotion": None if prompt.emotion is None else emotion(prompt.emotion),
            }
            for prompt in value.prompts
        ],
        "music": None if value.music is None else music(value.music),
        "report": None if value.report is None else report(value.report),
    }


def report(value: AgentReport) -> dict[str, Any]:
    """How prompts came to be."""
    return {
        "notes": [asdict(note) for note in value.notes],
        "findings": [asdict(finding) for finding in value.findings],
    }


def _picture(path: str | None, image: PaintedImage) -> dict[str, Any]:
    return {
        "path": path,
        "seed": image.seed,
        "width": image.width,
        "height": image.height,
        "sha256": image.blob.sha256,
        "prompt": image.prompt.text,
        "negative_prompt": image.prompt.negative_text,
        "attributes": dict(image.prompt.attributes),
        "vocabulary": dict(image.prompt.vocabulary),
        "measures": None if image.measures is None else measures(image.measures),
        "candidate": image.candidate,
        "time_s": round(image.time_s, 3),
    }


def measures(value: PictureMeasures) -> dict[str, Any]:
    """How well a picture fits."""

    def rounded(number: float | None) -> float | None:
        return None if number is None else round(number, 4)

    return {
        "emotion": emotion(value.emotion),
        "va_similarity": rounded(value.va_similarity),
        "va_cosine": rounded(value.va_cosine),
        "text_similarity": rounded(value.text_similarity),
        "sem_score": rounded(value.sem_score),
        "brightness": rounded(value.brightness),
        "warmth": rounded(value.warmth),
        "saturation": rounded(value.saturation),
    }
