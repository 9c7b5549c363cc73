"""What the SDK answers: plain frozen values, none of them a protobuf message."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from pathlib import Path

from luce._music_types import WrittenMusic
from luce._report import AgentReport
from luce.emotion import Emotion
from luce.errors import LuceError


class JobState(enum.Enum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True where nothing more will happen."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that the server keeps, by reference.

    Attributes:
        key: Opaque key.
        size: Bytes.
        sha256: 64 lower-case hexadecimal digits.
        media_type: Such as "image/png".
        filename: A name to save it under; never a path.
    """

    key: str
    size: int
    sha256: str
    media_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class EmotionPoint:
    """One window of an emotion curve.

    Attributes:
        start_s: Start, seconds from the start of the piece.
        duration_s: Length, seconds.
        emotion: How the window feels.
        valence_uncertainty: Predictive standard deviation, in units of the scale.
        arousal_uncertainty: Predictive standard deviation, in units of the scale.
    """

    start_s: float
    duration_s: float
    emotion: Emotion
    valence_uncertainty: float
    arousal_uncertainty: float


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One dimension of a piece of music.

    Attributes:
        dimension: "instruments", "style", "key", "time_signature", "tempo" or "mood".
        values: The likeliest first; empty: unknown.
        confidence: In the first value, 0..1; 0 without values.
        source: How it was found: "signal", "model" or "text"; None without values.
        texts: The same in sentences of about 20, 50 and 70 tokens; each "" where nobody wrote it.
        text_source: "signal" where the texts stand around measured values, "model" where around what a model heard;
            None without texts.
    """

    dimension: str
    values: tuple[str, ...]
    confidence: float
    source: str | None
    texts: tuple[str, str, str] = field(default=("", "", ""), repr=False)
    text_source: str | None = None


@dataclass(frozen=True, slots=True)
class MusicTag:
    """One thing that was heard.

    Attributes:
        dimension: "instruments", "styles", "moods", "tempo", "voice" or "sound".
        name: Such as "piano".
        confidence: Probability over the whole piece, 0..1.
    """

    dimension: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class MusicPart:
    """A stretch of a piece, in words.

    Attributes:
        start_s: Seconds from the start of the piece.
        duration_s: Seconds.
        caption: What is heard there; None where it is no music.
    """

    start_s: float
    duration_s: float
    caption: str | None


@dataclass(frozen=True, slots=True)
class MusicDescription:
    """What a piece of music says of itself.

    Attributes:
        duration_s: Seconds.
        tempo_bpm: Beats per minute; None: no clear tempo.
        tempo_confidence: 0..1.
        key: Such as "A minor"; None: no clear key.
        key_confidence: 0..1.
        loudness_lufs: Integrated loudness (ITU-R BS.1770), LUFS.
        silent: True where nothing audible was found.
        emotion: Of the piece as a whole.
        curve: The emotion as it goes on.
        summary: Plain sentences.
        time_signature: Such as "3/4"; None: not clear.
        time_signature_confidence: 0..1.
        beat_times: Seconds from the start, ascending; empty where the tempo is not clear.
        tempo_alternatives: Other tempi that fit, beats per minute, the likeliest first.
        key_alternatives: Other keys that fit, the likeliest first.
        descriptors: One of each dimension.
        caption: The whole piece in a sentence or two; None where no music was heard, or where the words were not asked
            for.
        caption_source: "model" where `music_captioner` wrote it, "signal" where it was put together from the
            descriptors; None without one.
        parts: The piece stretch by stretch, in time order; the last may overlap the one before it.
        tags: What was heard, the likeliest first within each dimension; of MIDI none.
    """

    duration_s: float
    tempo_bpm: float | None
    tempo_confidence: float
    key: str | None
    key_confidence: float
    loudness_lufs: float
    silent: bool
    emotion: Emotion
    curve: tuple[EmotionPoint, ...] = field(repr=False)
    summary: str
    time_signature: str | None = None
    time_signature_confidence: float = 0.0
    beat_times: tuple[float, ...] = field(default=(), repr=False)
    tempo_alternatives: tuple[float, ...] = ()
    key_alternatives: tuple[str, ...] = ()
    descriptors: tuple[Descriptor, ...] = field(default=(), repr=False)
    caption: str | None = None
    caption_source: str | None = None
    parts: tuple[MusicPart, ...] = field(default=(), repr=False)
    tags: tuple[MusicTag, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Feeling:
    """How a medium feels.

    Attributes:
        medium: What was felt: "audio", "midi", "image" or "text".
        emotion: Of the whole.
        curve: The emotion as it goes on; empty for what has no duration.
        uncertainty: Standard deviation of valence and of arousal; of music the mean over the curve.
        notes: What a reader should know of the answer, such as that the words do not look English.
    """

    medium: str
    emotion: Emotion
    curve: tuple[EmotionPoint, ...] = field(repr=False)
    uncertainty: tuple[float, float] = (0.0, 0.0)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FitReason:
    """Why an image and a piece of music fit, or do not, on one axis.

    Attributes:
        axis: "valence", "arousal" or "meaning".
        fit: 0..1.
        text: One sentence.
    """

    axis: str
    fit: float
    text: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well an image and a piece of music fit, each 0..1.

    Attributes:
        overall: Emotion and meaning together.
        emotion: How near they are in the valence-arousal plane.
        semantic: How near they are in meaning: the share of unrelated pairs that are less alike; None for MIDI.
        image_emotion: How the image feels.
        music_emotion: How the music feels.
        reasons: One for each axis, what keeps them apart most first.
        seen: What the image shows.
        heard: What the music is like.
    """

    overall: float
    emotion: float
    semantic: float | None
    image_emotion: Emotion
    music_emotion: Emotion
    reasons: tuple[FitReason, ...]
    seen: tuple[str, ...]
    heard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt for one picture.

    Attributes:
        text: What the picture should show.
        negative_text: What it should not show.
        attributes: The agents' choices by name ("scene", "style", "palette", ...), in the words of the prompt; those
            left empty are missing.
        emotion: How it feels, foretold from its words; None where no agent chose them.
        vocabulary: Kind to name of each choice in the vocabulary of pictures, such as "palette" to "amber".
    """

    text: str
    negative_text: str
    attributes: Mapping[str, str]
    emotion: Emotion | None = None
    vocabulary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imagined:
    """What the agents made of music and words.

    Attributes:
        prompts: As many as were asked for.
        music: What was heard; None without music.
        report: How the prompts came to be; None unless it was asked for.
    """

    prompts: tuple[Prompt, ...]
    music: MusicDescription | None
    report: AgentReport | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PictureMeasures:
    """How well a picture fits what was wanted, as the server's models see it.

    Attributes:
        emotion: How the picture feels.
        va_similarity: Similarity of its emotion and the music's, 0..1, by distance; None without music.
        va_cosine: The same as a cosine on the unit square, 0..1; None without music.
        text_similarity: Cosine of the embeddings of picture and prompt, -1..1.
        sem_score: Cosine of the embeddings of the prompt and of its scene, -1..1; None where it names no scene.
        brightness: Mean luma, 0..1.
        warmth: Mean of red minus blue, -1..1.
        saturation: Mean saturation (HSV), 0..1.
        aesthetic: Score of the published aesthetic predictor, about 1..10; None where the server has none.
    """

    emotion: Emotion
    va_similarity: float | None
    va_cosine: float | None
    text_similarity: float
    sem_score: float | None
    brightness: float
    warmth: float
    saturation: float
    aesthetic: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A painted picture, by reference.

    Attributes:
        blob: Where its bytes lie.
        prompt: What it was painted from.
        seed: What it was painted with.
        width: Pixels.
        height: Pixels.
        measures: How well it fits; None from a server that does not measure.
        candidate: Which of `best_of` candidates it is, from 0.
        time_s: Of a key picture of an animation: when it is fully seen, seconds.
    """

    blob: Blob
    prompt: Prompt
    seed: int
    width: int
    height: int
    measures: PictureMeasures | None = None
    candidate: int = 0
    time_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedImage(Picture):
    """A painted picture with its bytes (PNG).

    Attributes:
        data: The file's bytes, checked against the blob's size and sha256.
    """

    data: bytes = field(repr=False)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the picture to `path`, replacing what is there, and return the path."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Pictures over the length of the music, by reference.

    Attributes:
        blob: Where the file's bytes lie: video/mp4 or image/gif.
        duration_s: Seconds, as long as the music.
        frames_per_second: How many frames a second.
        width: Pixels.
        height: Pixels.
        sound: Whether the music is heard in it.
    """

    blob: Blob
    duration_s: float
    frames_per_second: float
    width: int
    height: int
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation(Film):
    """An animation with its bytes.

    Attributes:
        data: The file's bytes, checked against the blob's size and sha256.
    """

    data: bytes = field(repr=False)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file to `path`, replacing what is there, and return the path."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work, as it was when the server told of it.

    Attributes:
        id: Opaque id.
        kind: "paint", "describe", "compose" or "score".
        state: Where it is in its life.
        position: Jobs ahead of it while queued; 0: next.
        stage: Of the running stage.
        fraction: Of the whole work, 0..1.
        eta_s: Seconds until done, as estimated; None: unknown.
        attempts: How many times a worker has started it.
        created_at: When it was accepted.
        started_at: When a worker first started it.
        finished_at: When it ended.
        timings: Stage to seconds, in the order of the stages.
        seed: The seed used, also where none was given; 0 where the work draws no random numbers.
        models: Model name to version of every model that took part.
        error: Why it failed; None unless it did.
        pictures: What was painted; empty until it succeeded, and where nothing was to be painted.
        music: What was heard; None without audio and until it succeeded.
        written: The music that was written; None until it succeeded, and where none was to be written.
        owner: Name of the API key; "anonymous" without one.
        film: The animation; None where none was asked for and until it succeeded.
        report: How the prompts came to be; None unless it was asked for.
    """

    id: str
    kind: str
    state: JobState
    position: int
    stage: str
    fraction: float
    eta_s: float | None
    attempts: int
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    timings: Mapping[str, float]
    seed: int
    models: Mapping[str, str]
    error: LuceError | None
    pictures: tuple[Picture, ...]
    music: MusicDescription | None
    owner: str
    film: Film | None = None
    report: AgentReport | None = field(default=None, repr=False)
    written: WrittenMusic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """What a paint job made.

    Attributes:
        images: The pictures; with `frames` the key pictures, in time order.
        music: What was heard; None where no audio was given.
        job: The finished job.
        animation: With `frames`: the pictures over the length of the music.
        report: How the prompts came to be; None unless it was asked for.
    """

    images: tuple[PaintedImage, ...]
    music: MusicDescription | None
    job: Job
    animation: Animation | None = None
    report: AgentReport | None = field(default=None, repr=False)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of each picture."""
        return tuple(image.prompt.text for image in self.images)

    @property
    def seed(self) -> int:
        """The seed of the first picture; picture i has seed + i."""
        return self.job.seed

    @property
    def timings(self) -> Mapping[str, float]:
        """Stage to seconds, in the order of the stages."""
        return self.job.timings


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Texts and media as vectors of one space.

    Attributes:
        vectors: One L2-normalised vector for each text, then for each medium.
        truncated: For each, whether it was a text longer than the model reads.
        model: As "name:version".
        tokens: Tokens read, over all texts.
        media: For each, "text", "image" or "audio".
    """

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    truncated: tuple[bool, ...]
    model: str
    tokens: int
    media: tuple[str, ...] = ()
