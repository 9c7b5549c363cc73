"""Messages of the contract into the SDK's values. No protobuf message leaves the SDK."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from luce import _events as events
from luce import _music_types as written
from luce import _report as reports
from luce import _types as types
from luce._wire import from_problem
from luce.emotion import Emotion
from luce.v1 import agents_pb2, emotion_pb2, jobs_pb2, mapping_pb2, media_pb2

_STATES: Final = {
    jobs_pb2.JOB_STATE_UNSPECIFIED: types.JobState.QUEUED,
    jobs_pb2.JOB_STATE_QUEUED: types.JobState.QUEUED,
    jobs_pb2.JOB_STATE_RUNNING: types.JobState.RUNNING,
    jobs_pb2.JOB_STATE_SUCCEEDED: types.JobState.SUCCEEDED,
    jobs_pb2.JOB_STATE_FAILED: types.JobState.FAILED,
    jobs_pb2.JOB_STATE_CANCELLED: types.JobState.CANCELLED,
}


def state_to_wire(state: types.JobState) -> jobs_pb2.JobState.ValueType:
    """The contract's name of a state."""
    return jobs_pb2.JobState.Value(f"JOB_STATE_{state.name}")


def _time(holder: Message, field: str) -> datetime | None:
    if not holder.HasField(field):
        return None
    stamp: Timestamp = getattr(holder, field)
    return stamp.ToDatetime(tzinfo=UTC)


def _eta(seconds: float) -> float | None:
    return None if seconds < 0 else seconds


def blob(message: media_pb2.BlobRef) -> types.Blob:
    """A reference to bytes."""
    return types.Blob(message.key, message.size, message.sha256, message.media_type, message.filename)


def blob_to_wire(value: types.Blob) -> media_pb2.BlobRef:
    """A reference to bytes, for a request."""
    return media_pb2.BlobRef(
        key=value.key,
        size=value.size,
        sha256=value.sha256,
        media_type=value.media_type,
        filename=value.filename,
    )


def emotion(message: emotion_pb2.Emotion) -> Emotion:
    """A point of feeling; a coordinate outside of [-1, 1] is drawn to its edge."""
    valence, arousal, dominance = (
        max(-1.0, min(1.0, value)) for value in (message.valence, message.arousal, message.dominance)
    )
    return Emotion(valence, arousal, dominance)


def music(message: agents_pb2.MusicDescription) -> types.MusicDescription:
    """What a piece says of itself."""
    return types.MusicDescription(
        duration_s=message.duration_s,
        tempo_bpm=message.tempo_bpm or None,
        tempo_confidence=message.tempo_confidence,
        key=message.key or None,
        key_confidence=message.key_confidence,
        loudness_lufs=message.loudness_lufs,
        silent=message.silent,
        emotion=emotion(message.emotion),
        curve=curve(message.curve),
        summary=message.summary,
        time_signature=message.time_signature or None,
        time_signature_confidence=message.time_signature_confidence,
        beat_times=tuple(message.beat_times),
        tempo_alternatives=tuple(message.tempo_alternatives),
        key_alternatives=tuple(message.key_alternatives),
        descriptors=tuple(_descriptor(descriptor) for descriptor in message.descriptors),
        caption=message.caption or None,
        caption_source=_named(agents_pb2.DescriptorSource, message.caption_source),
        parts=tuple(types.MusicPart(part.start_s, part.duration_s, part.caption or None) for part in message.parts),
        tags=tuple(types.MusicTag(tag.dimension, tag.name, tag.confidence) for tag in message.tags),
    )


def curve(message: emotion_pb2.EmotionCurve) -> tuple[types.EmotionPoint, ...]:
    """An emotion as it goes on."""
    return tuple(
        types.EmotionPoint(
            start_s=point.start_s,
            duration_s=point.duration_s,
            emotion=emotion(point.emotion),
            valence_uncertainty=point.valence_uncertainty,
            arousal_uncertainty=point.arousal_uncertainty,
        )
        for point in message.points
    )


def feeling(message: mapping_pb2.FeelResponse) -> types.Feeling:
    """How a medium feels."""
    return types.Feeling(
        medium=message.medium,
        emotion=emotion(message.emotion),
        curve=curve(message.curve),
        uncertainty=(message.valence_uncertainty, message.arousal_uncertainty),
        notes=tuple(message.notes),
    )


def alignment(message: mapping_pb2.AlignResponse) -> types.Alignment:
    """How well two media fit."""
    return types.Alignment(
        overall=message.overall,
        emotion=message.emotion,
        semantic=message.semantic if message.HasField("semantic") else None,
        image_emotion=emotion(message.image_emotion),
        music_emotion=emotion(message.music_emotion),
        reasons=tuple(types.FitReason(reason.axis, reason.fit, reason.text) for reason in message.reasons),
        seen=tuple(message.seen),
        heard=tuple(message.heard),
    )


def _descriptor(message: agents_pb2.Descriptor) -> types.Descriptor:
    return types.Descriptor(
        dimension=_named(agents_pb2.DescriptorDimension, message.dimension) or "",
        values=tuple(message.values),
        confidence=message.confidence,
        source=_named(agents_pb2.DescriptorSource, message.source),
        texts=(message.text_short, message.text_medium, message.text_long),
        text_source=_named(agents_pb2.DescriptorSource, message.text_source),
    )


def _named(kind: Any, number: int) -> str | None:
    """The plain name of an enum's value, "key" of DESCRIPTOR_DIMENSION_KEY; None where unspecified or unknown."""
    if not number or number not in kind.values():
        return None
    first: str = kind.Name(0)
    return str(kind.Name(number)).removeprefix(first.removesuffix("UNSPECIFIED")).lower()


def prompt(message: agents_pb2.Prompt) -> types.Prompt:
    """One prompt, with the attributes that are set."""
    return types.Prompt(
        text=message.text,
        negative_text=message.negative_text,
        attributes={field.name: str(value) for field, value in message.attributes.ListFields()},
        emotion=emotion(message.emotion) if message.HasField("emotion") else None,
        vocabulary=dict(message.vocabulary),
    )


def report(message: agents_pb2.AgentReport) -> reports.AgentReport:
    """How prompts came to be."""
    return reports.AgentReport(
        notes=tuple(
            reports.AgentNote(
                author=_named(agents_pb2.AgentRole, note.author) or "",
                mind=_named(agents_pb2.AgentMind, note.mind) or "",
                round=note.round,
                prompt=note.prompt,
                topic=note.topic,
                words=note.words,
                evidence=tuple(note.evidence),
            )
            for note in message.notes
        ),
        findings=tuple(
            reports.AgentFinding(
                kind=_named(agents_pb2.FindingKind, finding.kind) or "",
                severity=_named(agents_pb2.FindingSeverity, finding.severity) or "",
                attribute=finding.attribute,
                prompt=finding.prompt,
                message=finding.message,
                suggestion=finding.suggestion,
                outcome=_named(agents_pb2.FindingOutcome, finding.outcome) or "",
            )
            for finding in message.findings
        ),
    )


def imagined(message: agents_pb2.ImagineResponse, heard: types.MusicDescription | None) -> types.Imagined:
    """What the agents made of it."""
    return types.Imagined(
        prompts=tuple(prompt(one) for one in message.prompts),
        music=heard,
        report=report(message.report) if message.HasField("report") else None,
    )


def music_to_wire(value: types.MusicDescription) -> agents_pb2.MusicDescription:
    """A description for a request: what the agents go by, without the curve, the beats and the parts."""
    told = agents_pb2.MusicDescription(
        duration_s=value.duration_s,
        tempo_bpm=value.tempo_bpm or 0.0,
        tempo_confidence=value.tempo_confidence,
        key=value.key or "",
        key_confidence=value.key_confidence,
        loudness_lufs=value.loudness_lufs,
        silent=value.silent,
        emotion=emotion_pb2.Emotion(
            valence=value.emotion.valence, arousal=value.emotion.arousal, dominance=value.emotion.dominance
        ),
        summary=value.summary,
        caption=value.caption or "",
        tags=[
            agents_pb2.MusicTag(dimension=tag.dimension, name=tag.name, confidence=tag.confidence) for tag in value.tags
        ],
    )
    dimensions = dict(agents_pb2.DescriptorDimension.items())
    for descriptor in value.descriptors:
        told.descriptors.add(
            dimension=dimensions.get(f"DESCRIPTOR_DIMENSION_{descriptor.dimension.upper()}"),
            values=descriptor.values,
            confidence=descriptor.confidence,
        )
    return told


def picture(message: agents_pb2.PaintedImage) -> types.Picture:
    """A painted picture, by reference."""
    return types.Picture(
        blob=blob(message.image),
        prompt=prompt(message.prompt),
        seed=message.seed,
        width=message.width,
        height=message.height,
        measures=measures(message.measures) if message.HasField("measures") else None,
        candidate=message.candidate,
        time_s=message.time_s,
    )


def measures(message: agents_pb2.PictureMeasures) -> types.PictureMeasures:
    """How well a picture fits."""
    return types.PictureMeasures(
        emotion=emotion(message.image_emotion),
        va_similarity=message.va_similarity if message.HasField("va_similarity") else None,
        va_cosine=message.va_cosine if message.HasField("va_cosine") else None,
        text_similarity=message.text_similarity,
        sem_score=message.sem_score if message.HasField("sem_score") else None,
        brightness=message.brightness,
        warmth=message.warmth,
        saturation=message.saturation,
        aesthetic=message.aesthetic if message.HasField("aesthetic") else None,
    )


def film(message: agents_pb2.Animation) -> types.Film:
    """An animation, by reference."""
    return types.Film(
        blob=blob(message.file),
        duration_s=message.duration_s,
        frames_per_second=message.frames_per_second,
        width=message.width,
        height=message.height,
        sound=message.sound,
    )


def piece(message: mapping_pb2.Piece) -> written.Piece:
    """A written piece, by reference."""
    return written.Piece(
        files={part: blob(getattr(message, part)) for part in written.PARTS if message.HasField(part)},
        duration_s=message.duration_s,
        seed=message.seed,
        asked=emotion(message.asked),
        obtained=emotion(message.obtained),
        curve=curve(message.obtained_curve),
        key=message.key or None,
        time_signature=message.time_signature or None,
        tempo_bpm=message.tempo_bpm,
        instruments=tuple(message.instruments),
        candidate=message.candidate,
        candidates=message.candidates,
        loudness_lufs=message.loudness_lufs,
        notes=message.notes,
    )


def chain_step(message: mapping_pb2.ChainStep) -> written.ChainStep:
    """One step from what was seen or read to the music."""
    elements = (written.Element(one.name, tuple(one.values), one.reason) for one in message.elements)
    return written.ChainStep(message.stage, message.text, tuple(elements))


def written_music(message: jobs_pb2.Job.Result) -> written.WrittenMusic | None:
    """What a job wrote; None of a job that writes no music, or has not succeeded."""
    kind = message.WhichOneof("value")
    if kind not in ("compose", "score"):
        return None
    result: mapping_pb2.ComposeResult | mapping_pb2.ScoreResult = getattr(message, kind)
    shots = (written.Shot(shot.start_s, shot.duration_s, emotion(shot.emotion)) for shot in message.score.shots)
    return written.WrittenMusic(
        pieces=tuple(piece(one) for one in result.pieces),
        emotion=emotion(result.emotion),
        chain=tuple(chain_step(step) for step in result.chain),
        shots=tuple(shots),
    )


def job(message: jobs_pb2.Job) -> types.Job:
    """A job's record."""
    timings: dict[str, float] = {}
    for timing in message.timings:
        # A stage that ran twice (a second attempt) is told once, with its sum.
        timings[timing.stage] = timings.get(timing.stage, 0.0) + timing.seconds
    paint = message.result.paint
    heard = message.result.describe if message.result.HasField("describe") else paint
    return types.Job(
        id=message.id,
        kind=message.kind,
        state=_STATES[message.state],
        position=message.position,
        stage=message.stage,
        fraction=message.fraction,
        eta_s=_eta(message.eta_s),
        attempts=message.attempts,
        created_at=_time(message, "created_at"),
        started_at=_time(message, "started_at"),
        finished_at=_time(message, "finished_at"),
        timings=timings,
        seed=message.seed,
        models=dict(message.models),
        error=from_problem(message.problem) if message.HasField("problem") else None,
        pictures=tuple(picture(image) for image in paint.images),
        music=music(heard.music) if heard.HasField("music") else None,
        owner=message.owner,
        film=film(paint.animation) if paint.HasField("animation") else None,
        report=report(paint.report) if paint.HasField("report") else None,
        written=written_music(message.result),
    )


def event(message: jobs_pb2.JobEvent) -> events.JobEvent:
    """One event; of a kind that this version does not know, only its place and time."""
    sequence, job_id, at = message.sequence, message.job_id, _time(message, "at")
    match message.WhichOneof("event"):
        case "state":
            return events.StateChanged(sequence=sequence, job_id=job_id, at=at, job=job(message.state))
        case "progress":
            told = message.progress
            return events.Progress(
                sequence=sequence,
                job_id=job_id,
                at=at,
                stage=told.stage,
                fraction=told.fraction,
                eta_s=_eta(told.eta_s),
            )
        case "preview":
            seen = message.preview
            return events.Preview(
                sequence=sequence,
                job_id=job_id,
                at=at,
                index=seen.index,
                step=seen.step,
                steps=seen.steps,
                image=blob(seen.image),
            )
        case "partial":
            return _partial(message.partial, sequence, job_id, at)
        case _:
            return events.JobEvent(sequence=sequence, job_id=job_id, at=at)


def _partial(message: jobs_pb2.JobEvent.Partial, sequence: int, job_id: str, at: datetime | None) -> events.JobEvent:
    match message.WhichOneof("part"):
        case "music":
            return events.MusicHeard(sequence=sequence, job_id=job_id, at=at, music=music(message.music))
        case "prompt":
            return events.PromptWritten(sequence=sequence, job_id=job_id, at=at, prompt=prompt(message.prompt))
        case "image":
            return events.ImagePainted(sequence=sequence, job_id=job_id, at=at, picture=picture(message.image))
        case "audio":
            chunk = message.audio
            return events.AudioChunk(
                sequence=sequence,
                job_id=job_id,
                at=at,
                piece=chunk.piece,
                index=chunk.index,
                start_s=chunk.start_s,
                duration_s=chunk.duration_s,
                audio=blob(chunk.audio),
                last=chunk.last,
            )
        case "chain":
            return events.ChainTold(sequence=sequence, job_id=job_id, at=at, step=chain_step(message.chain))
        case "piece":
            return events.PieceWritten(sequence=sequence, job_id=job_id, at=at, piece=piece(message.piece))
        case _:
            return events.JobEvent(sequence=sequence, job_id=job_id, at=at)


def embeddings(message: mapping_pb2.EmbedResponse) -> types.Embeddings:
    """Texts and media as vectors."""
    return types.Embeddings(
        vectors=tuple(tuple(embedding.values) for embedding in message.embeddings),
        truncated=tuple(embedding.truncated for embedding in message.embeddings),
        model=message.model,
        tokens=message.tokens,
        media=tuple(embedding.medium for embedding in message.embeddings),
    )
