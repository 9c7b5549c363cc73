"""Protobuf messages as the JSON that the HTTP door answers. `schemas.py` declares the same shapes for readers."""

from __future__ import annotations

import math
from typing import Any, Final, Literal
from urllib.parse import quote

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.problems import problem_dict
from luce.v1 import agents_pb2, emotion_pb2, jobs_pb2, mapping_pb2, media_pb2

STATES: Final = {
    jobs_pb2.JOB_STATE_QUEUED: "queued",
    jobs_pb2.JOB_STATE_RUNNING: "running",
    jobs_pb2.JOB_STATE_SUCCEEDED: "succeeded",
    jobs_pb2.JOB_STATE_FAILED: "failed",
    jobs_pb2.JOB_STATE_CANCELLED: "cancelled",
}
STATE_OF_NAME: Final = {name: state for state, name in STATES.items()}
TERMINAL: Final = frozenset({jobs_pb2.JOB_STATE_SUCCEEDED, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED})

PIECE_PARTS: Final = ("audio", "midi", "piano_roll", "video")
"""Files of a written piece."""

_DIMENSIONS: Final = {
    agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS: "instruments",
    agents_pb2.DESCRIPTOR_DIMENSION_STYLE: "style",
    agents_pb2.DESCRIPTOR_DIMENSION_KEY: "key",
    agents_pb2.DESCRIPTOR_DIMENSION_TIME_SIGNATURE: "time_signature",
    agents_pb2.DESCRIPTOR_DIMENSION_TEMPO: "tempo",
    agents_pb2.DESCRIPTOR_DIMENSION_MOOD: "mood",
}
_SOURCES: Final = {
    agents_pb2.DESCRIPTOR_SOURCE_SIGNAL: "signal",
    agents_pb2.DESCRIPTOR_SOURCE_MODEL: "model",
    agents_pb2.DESCRIPTOR_SOURCE_TEXT: "text",
}


def job_url(job_id: str) -> str:
    """Path of a job's record."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


def blob_url(key: str) -> str:
    """Path of a stored file."""
    return f"/v1/blobs/{quote(key, safe='')}"


def job_record(job: jobs_pb2.Job) -> dict[str, Any]:
    """A job's record, with where to go from here."""
    url = job_url(job.id)
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind,
        "state": STATES.get(job.state, "queued"),
        "position": job.position,
        "stage": job.stage,
        "fraction": _rounded(job.fraction, 4),
        "eta_s": _eta(job.eta_s),
        "attempts": job.attempts,
        "created_at": _time(job, "created_at"),
        "started_at": _time(job, "started_at"),
        "finished_at": _time(job, "finished_at"),
        "timings": [{"stage": timing.stage, "seconds": _rounded(timing.seconds, 6)} for timing in job.timings],
        "seed": job.seed,
        "models": dict(sorted(job.models.items())),
        "problem": problem_dict(job.problem) if job.HasField("problem") else None,
        "result": _result(job) if job.HasField("result") else None,
        "links": {"self": url, "result": f"{url}/result", "events": f"{url}/events"},
    }


def _result(job: jobs_pb2.Job) -> dict[str, Any]:
    match job.result.WhichOneof("value"):
        case "describe":
            return music(job.result.describe.music)
        case "compose":
            return _written(job.id, job.result.compose)
        case "score":
            scored = job.result.score
            shots = [
                {
                    "start_s": _rounded(shot.start_s, 3),
                    "duration_s": _rounded(shot.duration_s, 3),
                    "emotion": emotion(shot.emotion),
                }
                for shot in scored.shots
            ]
            return _written(job.id, scored) | {"shots": shots}
    paint = job.result.paint
    return {
        "images": [
            painted_image(image) | {"url": f"{job_url(job.id)}/result?index={index}"}
            for index, image in enumerate(paint.images)
        ],
        "music": music(paint.music) if paint.HasField("music") else None,
        "animation": animation(paint.animation) | {"url": f"{job_url(job.id)}/result"}
        if paint.HasField("animation")
        else None,
        "report": report(paint.report) if paint.HasField("report") else None,
    }


def _written(job_id: str, result: mapping_pb2.ComposeResult | mapping_pb2.ScoreResult) -> dict[str, Any]:
    """The pieces that a job wrote, each with the paths of its files, and how they came to be."""
    pieces = []
    for index, written in enumerate(result.pieces):
        urls = {part: f"{job_url(job_id)}/result?index={index}&part={part}" for part in PIECE_PARTS}
        told = piece(written)
        pieces.append(told | {"urls": {part: url for part, url in urls.items() if told[part] is not None}})
    return {
        "pieces": pieces,
        "emotion": emotion(result.emotion),
        "chain": [chain_step(step) for step in result.chain],
    }


def piece(message: mapping_pb2.Piece) -> dict[str, Any]:
    """A written piece; its files by reference."""
    files = {part: blob(getattr(message, part)) if has_part(message, part) else None for part in PIECE_PARTS}
    return files | {
        "duration_s": _rounded(message.duration_s, 3),
        "seed": message.seed,
        "asked": emotion(message.asked),
        "obtained": emotion(message.obtained),
        "curve": curve(message.obtained_curve),
        "key": message.key or None,
        "time_signature": message.time_signature or None,
        "tempo_bpm": _rounded(message.tempo_bpm, 2),
        "instruments": list(message.instruments),
        "candidate": message.candidate,
        "candidates": message.candidates,
        "loudness_lufs": _rounded(message.loudness_lufs, 2),
        "notes": message.notes,
    }


def has_part(message: mapping_pb2.Piece, part: str) -> bool:
    """Whether a piece has this one of `PIECE_PARTS`."""
    return message.HasField(part)  # type: ignore[arg-type]  # the stub lists the names as literals


def chain_step(message: mapping_pb2.ChainStep) -> dict[str, Any]:
    """One step from what was seen or read to the music."""
    elements = [
        {"name": element.name, "values": list(element.values), "reason": element.reason or None}
        for element in message.elements
    ]
    return {"stage": message.stage, "text": message.text, "elements": elements}


def audio_chunk(message: mapping_pb2.AudioChunk) -> dict[str, Any]:
    """A stretch of sound, told while the rest is being composed."""
    return {
        "piece": message.piece,
        "index": message.index,
        "start_s": _rounded(message.start_s, 3),
        "duration_s": _rounded(message.duration_s, 3),
        "audio": blob(message.audio),
        "last": message.last,
    }


def painted_image(image: agents_pb2.PaintedImage) -> dict[str, Any]:
    """A finished picture, by reference."""
    return {
        "image": blob(image.image),
        "prompt": prompt(image.prompt),
        "seed": image.seed,
        "width": image.width,
        "height": image.height,
        "measures": measures(image.measures) if image.HasField("measures") else None,
        "candidate": image.candidate,
        "time_s": _rounded(image.time_s, 3),
    }


def measures(told: agents_pb2.PictureMeasures) -> dict[str, Any]:
    """How well a picture fits."""

    def optional(field: Literal["va_similarity", "va_cosine", "sem_score", "aesthetic"]) -> float | None:
        return _rounded(getattr(told, field), 4) if told.HasField(field) else None

    return {
        "image_emotion": emotion(told.image_emotion),
        "va_similarity": optional("va_similarity"),
        "va_cosine": optional("va_cosine"),
        "text_similarity": _rounded(told.text_similarity, 4),
        "sem_score": optional("sem_score"),
        "brightness": _rounded(told.brightness, 4),
        "warmth": _rounded(told.warmth, 4),
        "saturation": _rounded(told.saturation, 4),
        "aesthetic": optional("aesthetic"),
    }


def animation(film: agents_pb2.Animation) -> dict[str, Any]:
    """Pictures over the length of the music, by reference."""
    return {
        "file": blob(film.file),
        "duration_s": _rounded(film.duration_s, 3),
        "frames_per_second": _rounded(film.frames_per_second, 3),
        "width": film.width,
        "height": film.height,
        "sound": film.sound,
    }


def blob(ref: media_pb2.BlobRef) -> dict[str, Any]:
    """A stored file, by reference."""
    return {
        "key": ref.key,
        "url": blob_url(ref.key),
        "size": ref.size,
        "sha256": ref.sha256,
        "media_type": ref.media_type,
        "filename": ref.filename,
    }


def prompt(message: agents_pb2.Prompt) -> dict[str, Any]:
    """A prompt, with the attributes that the agents chose (those that are set)."""
    attributes = {field.name: str(value) for field, value in message.attributes.ListFields()}
    return {
        "text": message.text,
        "negative_text": message.negative_text,
        "attributes": attributes,
        "vocabulary": dict(message.vocabulary),
        "emotion": emotion(message.emotion) if message.HasField("emotion") else None,
    }


def report(message: agents_pb2.AgentReport) -> dict[str, Any]:
    """How prompts came to be."""
    return {
        "notes": [
            {
                "author": _plain(agents_pb2.AgentRole, note.author),
                "mind": _plain(agents_pb2.AgentMind, note.mind),
                "round": note.round,
                "prompt": note.prompt,
                "topic": note.topic,
                "words": note.words,
                "evidence": list(note.evidence),
            }
            for note in message.notes
        ],
        "findings": [
            {
                "kind": _plain(agents_pb2.FindingKind, finding.kind),
                "severity": _plain(agents_pb2.FindingSeverity, finding.severity),
                "attribute": finding.attribute,
                "prompt": finding.prompt,
                "message": finding.message,
                "suggestion": finding.suggestion,
                "outcome": _plain(agents_pb2.FindingOutcome, finding.outcome),
            }
            for finding in message.findings
        ],
    }


def _plain(kind: Any, number: int) -> str:
    """The plain name of an enum's value, "verb" of AGENT_ROLE_VERB; "unspecified" where it is unknown."""
    prefix: str = kind.Name(0).removesuffix("UNSPECIFIED")
    return str(kind.Name(number if number in kind.values() else 0)).removeprefix(prefix).lower()


def emotion(point: emotion_pb2.Emotion) -> dict[str, float]:
    """A point of feeling."""
    return {
        "valence": _rounded(point.valence, 4),
        "arousal": _rounded(point.arousal, 4),
        "dominance": _rounded(point.dominance, 4),
    }


def music(description: agents_pb2.MusicDescription) -> dict[str, Any]:
    """What a piece of music says of itself; a tempo or key that is not clear is null."""
    return {
        "duration_s": _rounded(description.duration_s, 3),
        "tempo_bpm": _rounded(description.tempo_bpm, 2) or None,
        "tempo_confidence": _rounded(description.tempo_confidence, 4),
        "key": description.key or None,
        "key_confidence": _rounded(description.key_confidence, 4),
        "loudness_lufs": _rounded(description.loudness_lufs, 2),
        "silent": description.silent,
        "emotion": emotion(description.emotion),
        "curve": curve(description.curve),
        "time_signature": description.time_signature or None,
        "time_signature_confidence": _rounded(description.time_signature_confidence, 4),
        "beat_times": [_rounded(time, 3) for time in description.beat_times],
        "tempo_alternatives": [_rounded(bpm, 2) for bpm in description.tempo_alternatives],
        "key_alternatives": list(description.key_alternatives),
        "descriptors": [_descriptor(descriptor) for descriptor in description.descriptors],
        "summary": description.summary,
        "caption": description.caption or None,
        "caption_source": _SOURCES.get(description.caption_source),
        "parts": [
            {
                "start_s": _rounded(part.start_s, 3),
                "duration_s": _rounded(part.duration_s, 3),
                "caption": part.caption or None,
            }
            for part in description.parts
        ],
        "tags": [
            {"dimension": tag.dimension, "name": tag.name, "confidence": _rounded(tag.confidence, 4)}
            for tag in description.tags
        ],
    }


def curve(message: emotion_pb2.EmotionCurve) -> list[dict[str, Any]]:
    """How a piece feels as it goes on."""
    return [
        {
            "start_s": _rounded(point.start_s, 3),
            "duration_s": _rounded(point.duration_s, 3),
            "emotion": emotion(point.emotion),
            "valence_uncertainty": _rounded(point.valence_uncertainty, 4),
            "arousal_uncertainty": _rounded(point.arousal_uncertainty, 4),
        }
        for point in message.points
    ]


def feeling(message: mapping_pb2.FeelResponse) -> dict[str, Any]:
    """The emotion of a medium."""
    return {
        "medium": message.medium,
        "emotion": emotion(message.emotion),
        "uncertainty": {
            axis: _rounded(getattr(message, f"{axis}_uncertainty"), 4) for axis in ("valence", "arousal", "dominance")
        },
        "curve": curve(message.curve),
        "notes": list(message.notes),
        "models": list(message.models),
    }


def alignment(message: mapping_pb2.AlignResponse) -> dict[str, Any]:
    """How well an image and a piece of music fit."""
    return {
        "overall": _rounded(message.overall, 4),
        "emotion": _rounded(message.emotion, 4),
        "semantic": _rounded(message.semantic, 4) if message.HasField("semantic") else None,
        "image_emotion": emotion(message.image_emotion),
        "music_emotion": emotion(message.music_emotion),
        "reasons": [
            {"axis": reason.axis, "fit": _rounded(reason.fit, 4), "text": reason.text} for reason in message.reasons
        ],
        "seen": list(message.seen),
        "heard": list(message.heard),
        "models": list(message.models),
    }


def _descriptor(message: agents_pb2.Descriptor) -> dict[str, Any]:
    return {
        "dimension": _DIMENSIONS.get(message.dimension, "unknown"),
        "values": list(message.values),
        "confidence": _rounded(message.confidence, 4),
        "source": _SOURCES.get(message.source),
        "text_short": message.text_short or None,
        "text_medium": message.text_medium or None,
        "text_long": message.text_long or None,
        "text_source": _SOURCES.get(message.text_source),
    }


def job_event(event: jobs_pb2.JobEvent) -> tuple[str, dict[str, Any]]:
    """The name and the data of one event.

    Raises:
        ValueError: An event of a kind that this version does not know.
    """
    kind = event.WhichOneof("event")
    match kind:
        case "state":
            data = job_record(event.state)
        case "progress":
            progress = event.progress
            data = {"stage": progress.stage, "fraction": _rounded(progress.fraction, 4), "eta_s": _eta(progress.eta_s)}
        case "preview":
            preview = event.preview
            data = {"index": preview.index, "step": preview.step, "steps": preview.steps, "image": blob(preview.image)}
        case "partial":
            data = _partial(event.partial)
        case _:
            raise ValueError(f"an event of an unknown kind: {kind}")
    return kind, data


def _partial(partial: jobs_pb2.JobEvent.Partial) -> dict[str, Any]:
    match partial.WhichOneof("part"):
        case "music":
            return {"music": music(partial.music)}
        case "prompt":
            return {"prompt": prompt(partial.prompt)}
        case "image":
            return {"image": painted_image(partial.image)}
        case "audio":
            return {"audio": audio_chunk(partial.audio)}
        case "chain":
            return {"chain": chain_step(partial.chain)}
        case "piece":
            return {"piece": piece(partial.piece)}
    return {}


def _time(job: jobs_pb2.Job, field: str) -> str | None:
    if not job.HasField(field):  # type: ignore[arg-type]  # the stub lists the names as literals
        return None
    stamp: Timestamp = getattr(job, field)
    return stamp.ToJsonString()


def _eta(seconds: float) -> float | None:
    return None if seconds < 0 else _rounded(seconds, 2)


def _rounded(value: float, digits: int) -> float:
    # JSON knows no NaN: a number that is not one must not break the whole record.
    return round(value, digits) if math.isfinite(value) else 0.0
