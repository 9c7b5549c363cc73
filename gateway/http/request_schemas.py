"""Bodies of requests, for FastAPI and for readers of `/openapi.json`.

The ranges stand in the schema for readers and are enforced in `gateway.admission`, for both doors at once.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway import admission


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
