"""What happens to a job, told while it happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from luce._music_types import ChainStep, Piece
from luce._types import Blob, Job, MusicDescription, Picture, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        sequence: Its place in the event stream; resume after it.
        job_id: Which job.
        at: When, by the server's clock.
    """

    sequence: int
    job_id: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(JobEvent):
    """The job's record changed.

    Attributes:
        job: The record as it is now.
    """

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(JobEvent):
    """The work went on.

    Attributes:
        stage: Such as "listen" or "paint".
        fraction: Of the whole work, 0..1.
        eta_s: Seconds until done; None: unknown.
    """

    stage: str
    fraction: float
    eta_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(JobEvent):
    """A picture in the making.

    Attributes:
        index: Which picture, from 0.
        step: Denoising steps done.
        steps: Denoising steps in all.
        image: The preview's bytes, by reference.
    """

    index: int
    step: int
    steps: int
    image: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicHeard(JobEvent):
    """The music was listened to.

    Attributes:
        music: What was heard.
    """

    music: MusicDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptWritten(JobEvent):
    """The agents wrote a prompt.

    Attributes:
        prompt: The prompt.
    """

    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePainted(JobEvent):
    """One picture is done.

    Attributes:
        picture: The picture, by reference.
    """

    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk(JobEvent):
    """A stretch of sound, told while the rest is being composed.

    It is a sketch: the finished piece has its loudness set as a whole, and may be another candidate.

    Attributes:
        piece: Which piece, from 0.
        index: Which chunk of it, from 0; their samples join without a gap.
        start_s: Seconds from the start of the piece.
        duration_s: Seconds.
        audio: A WAV file, by reference; it is kept for an hour.
        last: Whether it is the piece's last one.
    """

    piece: int
    index: int
    start_s: float
    duration_s: float
    audio: Blob
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTold(JobEvent):
    """One step from what was seen or read to the music.

    Attributes:
        step: The step.
    """

    step: ChainStep


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceWritten(JobEvent):
    """One piece is done.

    Attributes:
        piece: The piece, its files by reference.
    """

    piece: Piece
