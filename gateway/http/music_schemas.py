"""The shapes of requests for music; the ranges are enforced in `luce.server.music.limits`, for all doors at once."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from gateway import admission
from gateway.http.request_schemas import RequestBody, ranged
from luce.server.music import limits


class AskedEmotion(RequestBody):
    """A point of feeling, each axis in -1..1."""

    valence: float = Field(json_schema_extra={"minimum": -1, "maximum": 1})
    """Unpleasant to pleasant."""

    arousal: float = Field(json_schema_extra={"minimum": -1, "maximum": 1})
    """Calm to excited."""


class MusicOptions(RequestBody):
    """How music is written and sounded. A field left out is chosen by the server."""

    n: int | None = ranged(limits.PIECES)
    """How many pieces."""

    seed: int | None = ranged(admission.SEED)
    """Seed of the first piece; piece i takes seed + i. Left out, it is drawn and told in the job."""

    candidates: int | None = ranged(limits.CANDIDATES)
    """So many are composed of each piece; the one is kept whose notes feel nearest to what was asked for."""

    instruments: list[str] | str | None = None
    """Names, such as "piano" and "violin"; a list, or with commas between."""

    key: str | None = Field(default=None, examples=["F# minor"])
    """A key."""

    time_signature: str | None = Field(default=None, json_schema_extra={"enum": list(limits.METRES)})
    """A time signature."""

    tempo_bpm: float | None = ranged(limits.TEMPO_BPM)
    """Quarter notes a minute."""

    audio_format: str | None = Field(default=None, json_schema_extra={"enum": list(limits.AUDIO_FORMATS)})
    """Format of the sound; wav where it is left out."""

    emotion: AskedEmotion | str | None = None
    """How it should feel, instead of what is read or seen: an object, or "VALENCE,AROUSAL"."""

    stream: bool = False
    """Whether sound is told in chunks (`partial` events) while it is composed."""

    timeout_s: float | None = Field(default=None, json_schema_extra={"minimum": 0})
    """Give the job up so many seconds after submission; left out: the server's own limit."""


class _Composition(MusicOptions):
    text: str = Field(default="", json_schema_extra={"maxLength": limits.TEXT_CHARACTERS[1]})
    """A story, a poem, a few words. May be left out where there is a MIDI file to go on from."""

    seconds: float | None = ranged(limits.SECONDS)
    """Length, seconds; 30 where it is left out, of a variation the length of what it varies."""

    variation: float | None = ranged(limits.VARIATION)
    """Vary the MIDI file instead of going on from it: the share of its bars that are written anew."""


class CompositionRequest(_Composition):
    """Words into music."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The harbour slept under snow.", "seconds": 30, "seed": 7}]}
    )

    midi_key: str | None = Field(default=None, max_length=512)
    """Key of a MIDI file uploaded before (`POST /v1/blobs`), to go on from or to vary."""


class CompositionForm(_Composition):
    """The same as `multipart/form-data`."""

    midi: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """A MIDI file to go on from: in its metre, and in its key and tempo where no others are asked for."""


class _Score(MusicOptions):
    seconds: float | None = ranged(limits.SECONDS)
    """Length, seconds; 30 where it is left out. Not for a video, whose own length it is."""

    accents: bool = False
    """Of a video: whether the music stresses the beats next to its cuts."""

    mux: bool = False
    """Of a video: write it once more, with its music as its sound."""


class ScoreRequest(_Score):
    """An uploaded picture or video into music."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"media_key": "upload-0f3b", "seconds": 30, "seed": 7}]})

    media_key: str = Field(max_length=512)
    """Key of an image or a video uploaded before (`POST /v1/blobs`)."""


class ScoreForm(_Score):
    """The same with the picture or the video itself, as `multipart/form-data`."""

    media: str | None = Field(default=None, json_schema_extra={"format": "binary"})
    """An image (jpeg, png, webp) or a video (mp4, mov, webm, mkv)."""
