"""The shapes of answers, declared for readers of `/openapi.json`; those of requests are in `request_schemas`."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

_RUNNING_JOB: Final[dict[str, Any]] = {
    "id": "01K9ZC3T7Q8M4X2V",
    "object": "job",
    "kind": "paint",
    "state": "running",
    "position": 0,
    "stage": "paint",
    "fraction": 0.62,
    "eta_s": 1.4,
    "attempts": 1,
    "created_at": "2026-11-20T16:28:19.120Z",
    "started_at": "2026-11-20T16:28:19.140Z",
    "finished_at": None,
    "timings": [{"stage": "queue", "seconds": 0.02}, {"stage": "listen", "seconds": 0.61}],
    "seed": 7,
    "models": {"image_generator": "1", "music_emotion": "1"},
    "problem": None,
    "result": None,
    "links": {
        "self": "/v1/jobs/01K9ZC3T7Q8M4X2V",
        "result": "/v1/jobs/01K9ZC3T7Q8M4X2V/result",
        "events": "/v1/jobs/01K9ZC3T7Q8M4X2V/events",
    },
}


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:luce:error:invalid_argument",
                    "title": "Invalid argument",
                    "status": 422,
                    "detail": "steps is 10000; allowed is 1..100",
                    "code": "invalid_argument",
                    "retryable": False,
                    "field": "steps",
                    "limit": "1..100",
                    "instance": "/v1/images/generations",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    field: str | None = None
    limit: str | None = None
    retry_after_s: float | None = None
    instance: str | None = None


class Blob(BaseModel):
    """A stored file."""

    key: str
    url: str
    size: int
    sha256: str
    media_type: str
    filename: str


class Emotion(BaseModel):
    """A point of feeling, each axis in -1..1."""

    valence: float
    arousal: float
    dominance: float


class EmotionPoint(BaseModel):
    """One window of an emotion curve."""

    start_s: float
    duration_s: float
    emotion: Emotion
    valence_uncertainty: float
    arousal_uncertainty: float


class Descriptor(BaseModel):
    """One dimension of a piece of music; without values it is unknown."""

    dimension: Literal["instruments", "style", "key", "time_signature", "tempo", "mood", "unknown"]
    values: list[str]
    confidence: float
    source: Literal["signal", "model", "text"] | None
    text_short: str | None
    text_medium: str | None
    text_long: str | None
    text_source: Literal["signal", "model", "text"] | None


class MusicPart(BaseModel):
    """A stretch of a piece in words; without them where it is no music."""

    start_s: float
    duration_s: float
    caption: str | None


class MusicTag(BaseModel):
    """One thing that was heard, with its probability over the whole piece."""

    dimension: str
    name: str
    confidence: float


class Music(BaseModel):
    """What a piece of music says of itself."""

    duration_s: float
    tempo_bpm: float | None
    tempo_confidence: float
    key: str | None
    key_confidence: float
    loudness_lufs: float
    silent: bool
    emotion: Emotion
    curve: list[EmotionPoint]
    time_signature: str | None
    time_signature_confidence: float
    beat_times: list[float]
    tempo_alternatives: list[float]
    key_alternatives: list[str]
    descriptors: list[Descriptor]
    summary: str
    caption: str | None
    caption_source: Literal["signal", "model", "text"] | None
    parts: list[MusicPart]
    tags: list[MusicTag]


class Feeling(BaseModel):
    """The emotion of a medium, and as it goes on where it has a duration."""

    medium: Literal["audio", "midi", "image", "text"]
    emotion: Emotion
    uncertainty: Emotion
    curve: list[EmotionPoint]
    notes: list[str]
    models: list[str]


class Prompt(BaseModel):
    """One prompt for one picture."""

    text: str
    negative_text: str
    attributes: dict[str, str]
    vocabulary: dict[str, str]
    emotion: Emotion | None


class AgentNote(BaseModel):
    """What an agent wrote: author, mind ("rules" or "llm"), round, which prompt from 1 (0: all), and why."""

    author: str
    mind: str
    round: int
    prompt: int
    topic: str
    words: str
    evidence: list[str]


class AgentFinding(BaseModel):
    """One thing that the validator found, and what became of it ("kept", "repaired" or "dropped")."""

    kind: str
    severity: str
    attribute: str
    prompt: int
    message: str
    suggestion: str
    outcome: str


class AgentReport(BaseModel):
    """How prompts came to be."""

    notes: list[AgentNote]
    findings: list[AgentFinding]


class Prompts(BaseModel):
    """What the agents made of music and words."""

    prompts: list[Prompt]
    music: Music | None
    report: AgentReport | None


class PictureMeasures(BaseModel):
    """How well a picture fits what was wanted, as the server's models see it.

    Similarities to the music are null without music; `sem_score` is where the prompt names no scene; `aesthetic`, about
    1..10, is where the server has no model for it.
    """

    image_emotion: Emotion
    va_similarity: float | None
    va_cosine: float | None
    text_similarity: float
    sem_score: float | None
    brightness: float
    warmth: float
    saturation: float
    aesthetic: float | None


class PaintedImage(BaseModel):
    """A finished picture; of an animation a key picture, and when it is fully seen."""

    image: Blob
    prompt: Prompt
    seed: int
    width: int
    height: int
    measures: PictureMeasures | None
    candidate: int
    time_s: float
    url: str | None = None


class Animation(BaseModel):
    """Pictures over the length of the music."""

    file: Blob
    duration_s: float
    frames_per_second: float
    width: int
    height: int
    sound: bool
    url: str | None = None


class PaintResult(BaseModel):
    """What a paint job made; of an animation, `images` are its key pictures."""

    images: list[PaintedImage]
    music: Music | None
    animation: Animation | None
    report: AgentReport | None


class Element(BaseModel):
    """One element that was seen, read or chosen, and why."""

    name: str
    values: list[str]
    reason: str | None


class ChainStep(BaseModel):
    """One step from what was seen or read to the music."""

    stage: str
    text: str
    elements: list[Element]


class Piece(BaseModel):
    """A written piece: as sound, as MIDI, as a picture of its notes, and in a video where one was asked for."""

    audio: Blob | None
    midi: Blob | None
    piano_roll: Blob | None
    video: Blob | None
    duration_s: float
    seed: int
    asked: Emotion
    obtained: Emotion
    curve: list[EmotionPoint]
    key: str | None
    time_signature: str | None
    tempo_bpm: float
    instruments: list[str]
    candidate: int
    candidates: int
    loudness_lufs: float
    notes: int
    urls: dict[str, str] | None = None


class CompositionResult(BaseModel):
    """What a compose job wrote, and how it came to be."""

    pieces: list[Piece]
    emotion: Emotion
    chain: list[ChainStep]


class Shot(BaseModel):
    """A stretch of a video between two cuts."""

    start_s: float
    duration_s: float
    emotion: Emotion


class ScoreResult(CompositionResult):
    """What a score job wrote; of a video its shots."""

    shots: list[Shot]


class Image(BaseModel):
    """A picture in the OpenAI shape: one of `url` and `b64_json`."""

    url: str | None = None
    b64_json: str | None = None
    revised_prompt: str


class Images(BaseModel):
    """Pictures in the OpenAI shape."""

    created: int
    data: list[Image]


class Timing(BaseModel):
    """How long one stage took."""

    stage: str
    seconds: float


class Job(BaseModel):
    """One piece of work, from acceptance to result."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUNNING_JOB]})

    id: str
    object: Literal["job"]
    kind: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    position: int
    stage: str
    fraction: float
    eta_s: float | None
    attempts: int
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    timings: list[Timing]
    seed: int
    models: dict[str, str]
    problem: Problem | None
    result: PaintResult | Music | ScoreResult | CompositionResult | None
    links: dict[str, str]


class JobList(BaseModel):
    """A page of jobs, newest first."""

    object: Literal["list"]
    data: list[Job]
    next_page_token: str | None


class Embedding(BaseModel):
    """One vector, L2-normalised."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Embeddings(BaseModel):
    """The vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: dict[str, int]


class Dependency(BaseModel):
    """One thing that the gateway needs."""

    ready: bool
    detail: str


class Readiness(BaseModel):
    """Whether the gateway can do all its work."""

    status: Literal["starting", "warming", "ready", "broken", "draining"]
    dependencies: dict[str, Dependency]
