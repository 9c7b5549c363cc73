"""The shapes of the HTTP API: requests are checked by them, answers are declared by them.

The ranges stand in the schema for readers and are enforced in `gateway.admission`, for both doors at once.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway import admission

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


def ranged(allowed: tuple[float, float], **more: Any) -> Any:
    """A number that may be left out, with its range for readers."""
    return Field(default=None, json_schema_extra={"minimum": allowed[0], "maximum": allowed[1], **more})


class RequestBody(BaseModel):
    """A body whose unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class AgentOptions(RequestBody):
    """Which agents have a say, and what they think with. What is left out is as the server is set up."""

    without: list[str] | str = Field(default="", examples=["verb,style"])
    """Agents that keep silent: scene, verb, style, colour, composition, validator, prompt; a list, or with commas."""

    baseline: Literal["caption_only", "single_agent"] | None = None
    """In place of the agents, to compare with."""

    mind: Literal["rules", "llm"] | None = None
    """What the agents think with."""

    explain: bool = False
    """Tell how the prompts came to be: the agents' notes, and what the validator found."""


class PromptOptions(AgentOptions):
    """What prompts are to be imagined from, beside the music."""

    text: str = Field(default="", json_schema_extra={"maxLength": admission.PROMPT_CHARACTERS})
    """Your own words: the concept, which the music colours and never replaces."""

    n: int | None = ranged(admission.PICTURES)
    """How many prompts; 4 where it is left out."""

    seed: int | None = ranged(admission.SEED)
    """Same music, words and seed: same prompts (where the agents think by rules); 0 where it is left out."""


class PromptRequest(PromptOptions):
    """An uploaded piece of music, or words, or both, into prompts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"audio_key": "upload-0f3b", "n": 4, "explain": True}]})

    audio_key: str | None = Field(default=None, max_length=512)
    """Key of music uploaded before (`POST /v1/blobs`)."""


class PromptForm(PromptOptions):
    """The same with the music itself, as `multipart/form-data`."""

    audio: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """The piece of music: wav, flac, mp3, ogg (vorbis, opus), m4a or MIDI."""


class ImageOptions(AgentOptions):
    """How many pictures, and how they are painted. A field left out takes the model's default."""

    prompt: str = Field(default="", json_schema_extra={"maxLength": admission.PROMPT_CHARACTERS})
    """Your own words: the concept, which the music colours and never replaces."""

    negative_prompt: str = Field(default="", json_schema_extra={"maxLength": admission.PROMPT_CHARACTERS})
    """What the pictures should not show."""

    n: int | None = ranged(admission.PICTURES)
    """How many pictures."""

    seed: int | None = ranged(admission.SEED)
    """Seed of the first picture; picture i takes seed + i. Left out, it is drawn and told in the job."""

    steps: int | None = ranged(admission.STEPS)
    """Denoising steps."""

    guidance_scale: float | None = ranged(admission.GUIDANCE_SCALE)
    """Classifier-free guidance scale; 1 is none."""

    size: str | None = Field(default=None, examples=["256x256"])
    """`WIDTHxHEIGHT` in pixels, or "auto"; instead of `width` and `height`."""

    width: int | None = ranged(admission.SIDE, multipleOf=admission.SIDE_MULTIPLE)
    """Pixels."""

    height: int | None = ranged(admission.SIDE, multipleOf=admission.SIDE_MULTIPLE)
    """Pixels."""

    preview_every: int | None = ranged((0, admission.STEPS[1]))
    """A preview every so many steps; 0: none."""

    best_of: int | None = ranged(admission.CANDIDATES)
    """Candidates painted for each picture; the one is kept whose emotion and content are nearest to what was wanted."""

    frames: int | None = ranged(admission.FRAMES)
    """Key pictures of an animation over the length of the music; goes without `n` and `best_of`."""

    animation_format: Literal["mp4", "gif"] | None = None
    """Of the animation: mp4 with the music (where it is left out), or gif."""

    timeout_s: float | None = Field(default=None, json_schema_extra={"minimum": 0})
    """Give the job up so many seconds after submission; left out: the server's own limit."""

    model: Literal["image_generator"] | None = None
    """The model that paints; there is one."""

    response_format: Literal["url", "b64_json"] | None = None
    """Wait for the pictures, and answer in the OpenAI shape."""

    user: str | None = Field(default=None, max_length=256)
    """Taken for compatibility with the OpenAI shape, and not used."""


class ImageGenerationRequest(ImageOptions):
    """Words, or an uploaded piece of music, or both, into pictures."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a lighthouse by the sea", "n": 1, "size": "256x256", "seed": 7}]}
    )

    audio_key: str | None = Field(default=None, max_length=512)
    """Key of audio uploaded before (`POST /v1/blobs`)."""


class ImageGenerationForm(ImageOptions):
    """The same with the audio itself, as `multipart/form-data`."""

    audio: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """The piece of music: wav, flac, mp3, ogg (vorbis, opus), m4a or MIDI."""


class DescriptionOptions(RequestBody):
    """How music is described."""

    timeout_s: float | None = Field(default=None, json_schema_extra={"minimum": 0})
    """Where it becomes a job: give it up so many seconds after submission; left out: the server's own limit."""

    brief: bool = False
    """Only what is measured and felt: no tags, captions and texts, in less time."""


class DescriptionRequest(DescriptionOptions):
    """Music that was uploaded before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"audio_key": "upload-0f3b"}]})

    audio_key: str = Field(max_length=512)
    """Key of the upload (`POST /v1/blobs`)."""


class DescriptionForm(DescriptionOptions):
    """The music itself, as `multipart/form-data`."""

    audio: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """The piece of music: wav, flac, mp3, ogg (vorbis, opus), m4a or MIDI."""


class EmotionRequest(RequestBody):
    """A medium to feel: one of `media_key` and `text`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"media_key": "upload-0f3b"}]})

    media_key: str | None = Field(default=None, max_length=512)
    """Key of an upload (`POST /v1/blobs`)."""

    text: str | None = None
    """English words, 1..8192 characters."""


class EmotionForm(RequestBody):
    """The medium itself, as `multipart/form-data`."""

    media: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """An image (jpeg, png, webp) or a piece of music (wav, flac, mp3, ogg (vorbis, opus), m4a or MIDI)."""


class EmbeddingsRequest(RequestBody):
    """Texts into vectors, in the OpenAI shape."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["a calm lake at dawn", "thunder"]}]})

    input: str | list[str] = Field(default_factory=list)
    """One text or a list of 1..64, each of 1..8192 characters; may be left out where there are `media_keys`."""

    media_keys: list[str] = Field(default_factory=list)
    """Ours, not OpenAI's: keys of 1..16 uploaded images or recordings. Their vectors come after those of the texts."""

    model: str | None = None
    """"text_encoder", which embeds texts; or with its version, as answers name it: "text_encoder:1"."""

    encoding_format: Literal["float", "base64"] = "float"
    """Numbers, or the little-endian float32 bytes in base64."""

    dimensions: int | None = None
    """Only the model's own is taken."""

    user: str | None = None
    """Taken for compatibility with the OpenAI shape, and not used."""


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

    Similarities to the music are null without music; `sem_score` is where the prompt names no scene.
    """

    image_emotion: Emotion
    va_similarity: float | None
    va_cosine: float | None
    text_similarity: float
    sem_score: float | None
    brightness: float
    warmth: float
    saturation: float


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
