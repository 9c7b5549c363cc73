"""Arguments of the SDK into requests of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from luce.emotion import Emotion
from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, emotion_pb2, mapping_pb2


class AgentOptions(TypedDict, total=False):
    """Which agents have a say in prompts, and what they think with. What is left out is as the server is set up.

    Attributes:
        without: Agents that keep silent: "scene", "verb", "style", "colour", "composition", "validator", "prompt".
        baseline: In place of the agents: "caption_only" or "single_agent".
        mind: What the agents think with: "rules" or "llm".
        minds: What single agents think with, by name; goes before `mind`.
        explain: Tell in the result how the prompts came to be.
    """

    without: Sequence[str]
    baseline: str
    mind: str
    minds: Mapping[str, str]
    explain: bool


class PaintOptions(AgentOptions, total=False):
    """How a picture is to be painted. What is left out takes the server's default. See `AgentOptions` for the agents.

    Attributes:
        n: How many pictures, 1..8.
        seed: Seed of the first picture, any 64-bit value; picture i takes seed + i. Left out: drawn by the server.
        steps: Denoising steps, 1..100.
        guidance_scale: Classifier-free guidance scale, 0..15; 1 is none.
        size: Pixels, as (width, height) or "256x256"; each 192..512, a multiple of 32.
        negative_prompt: What the picture should not show; at most 1000 characters.
        preview_every: A preview every so many steps; 0: none.
        best_of: Candidates painted for each picture, 1..8, of which the best is kept.
        frames: Key pictures of an animation over the length of the music, 2..64; goes without `n` and `best_of`.
        animation_format: "mp4" (with the music; the default) or "gif".
        idempotency_key: Same key, same request: the same job. Left out: drawn, so that retries are safe.
    """

    n: int
    seed: int | None
    steps: int | None
    guidance_scale: float | None
    size: tuple[int, int] | str | None
    negative_prompt: str
    preview_every: int
    best_of: int | None
    frames: int | None
    animation_format: str
    idempotency_key: str | None


class MusicOptions(TypedDict, total=False):
    """How music is to be written and sounded. What is left out is chosen by the server.

    Attributes:
        seconds: Length, 5..180; not for a video, whose own length it is.
        seed: Seed of the first piece, any 64-bit value; piece i takes seed + i. Left out: drawn by the server.
        n: How many pieces, 1..4.
        candidates: So many are written of each, 1..12; the one is kept whose notes feel nearest.
        instruments: Names, such as "piano", at most 8.
        key: Such as "C major" or "F# minor".
        time_signature: "4/4", "3/4" or "6/8".
        tempo_bpm: Quarter notes a minute, 40..220.
        audio_format: "wav", "flac", "ogg" or "mp3".
        emotion: How it should feel, instead of what is read or seen.
        stream: Tell sound in chunks (`AudioChunk`) while it is composed.
        idempotency_key: Same key, same request: the same job. Left out: drawn, so that retries are safe.
    """

    seconds: float | None
    seed: int | None
    n: int | None
    candidates: int | None
    instruments: Sequence[str]
    key: str | None
    time_signature: str | None
    tempo_bpm: float | None
    audio_format: str | None
    emotion: Emotion | None
    stream: bool
    idempotency_key: str | None


def music_options(options: MusicOptions) -> mapping_pb2.MusicOptions:
    """Options of written music. Ranges are the server's to check; only what cannot be sent fails here.

    Raises:
        InvalidArgument: A value that the message cannot hold, such as a negative seed.
        TypeError: An option that does not exist.
    """
    unknown = set(options) - MusicOptions.__optional_keys__
    if unknown:
        raise TypeError(f"unknown music options: {', '.join(sorted(unknown))}")
    message = mapping_pb2.MusicOptions()
    # The bare message marks presence even where every option takes its default.
    message.SetInParent()
    names = options.get("instruments") or ()
    if isinstance(names, str):
        raise InvalidArgument("instruments must be a list of names, not one string", field="instruments")
    message.instruments.extend(names)
    felt = options.get("emotion")
    if felt is not None:
        asked = emotion_pb2.Emotion(valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance)
        message.emotion.CopyFrom(asked)
    for name in _MUSIC:
        value = options.get(name)
        if value is None:
            continue
        try:
            setattr(message, name, value)
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{name}: {error}", field=name) from error
    return message


_MUSIC: Final = (
    "seconds",
    "seed",
    "n",
    "candidates",
    "key",
    "time_signature",
    "tempo_bpm",
    "audio_format",
    "stream",
)


def parse_size(size: tuple[int, int] | str) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        InvalidArgument: It is neither a pair of numbers nor "WIDTHxHEIGHT".
    """
    if isinstance(size, str):
        match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", size.strip().lower())
        if match is None:
            raise InvalidArgument(f"size must be WIDTHxHEIGHT, such as 256x256, not {size!r}", field="size")
        return int(match[1]), int(match[2])
    width, height = size
    return width, height


_PLAIN: Final = (
    "n",
    "seed",
    "steps",
    "guidance_scale",
    "negative_prompt",
    "preview_every",
    "best_of",
    "frames",
    "animation_format",
)


def paint_request(prompt: str, options: PaintOptions) -> agents_pb2.PaintRequest:
    """A paint request without its audio. Ranges are the server's to check; only what cannot be sent fails here.

    Raises:
        InvalidArgument: A value that the message cannot hold, such as a negative seed.
        TypeError: An option that does not exist.
    """
    unknown = set(options) - (PaintOptions.__required_keys__ | PaintOptions.__optional_keys__)
    if unknown:
        raise TypeError(f"unknown paint options: {', '.join(sorted(unknown))}")
    wire: dict[str, int | float | str] = {}
    for name in _PLAIN:
        value = options.get(name)
        if value is not None:
            wire[name] = value  # type: ignore[assignment]
    size = options.get("size")
    if size is not None:
        wire["width"], wire["height"] = parse_size(size)
    request = agents_pb2.PaintRequest(prompt=prompt)
    for name, value in wire.items():
        try:
            setattr(request.options, name, value)
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{name}: {error}", field=name) from error
    # The bare message marks presence even where every option takes its default.
    request.options.SetInParent()
    set_agents(request, options)
    return request


def imagine_request(
    music: agents_pb2.MusicDescription | None, text: str, count: int, seed: int, options: AgentOptions
) -> agents_pb2.ImagineRequest:
    """A request for prompts. Raises as `paint_request`."""
    unknown = set(options) - AgentOptions.__optional_keys__
    if unknown:
        raise TypeError(f"unknown agent options: {', '.join(sorted(unknown))}")
    request = agents_pb2.ImagineRequest(text=text, description=music)
    for name, value in (("count", count), ("seed", seed)):
        try:
            setattr(request, name, value)
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{name}: {error}", field=name) from error
    set_agents(request, options)
    return request


def set_agents(
    request: agents_pb2.PaintRequest | agents_pb2.ImagineRequest, options: AgentOptions | PaintOptions
) -> None:
    """Put options of the agents into a request.

    Raises:
        InvalidArgument: There is no such agent, mind or baseline.
    """
    without = options.get("without") or ()
    if isinstance(without, str):
        raise InvalidArgument("without must be a list of agents, not one string", field="without")
    for name in without:
        request.agents.without.append(_value(agents_pb2.AgentRole, "AGENT_ROLE", name, "without"))
    if baseline := options.get("baseline"):
        request.agents.baseline = _value(agents_pb2.AgentBaseline, "AGENT_BASELINE", baseline, "baseline")
    if mind := options.get("mind"):
        request.agents.mind = _value(agents_pb2.AgentMind, "AGENT_MIND", mind, "mind")
    for name, own in (options.get("minds") or {}).items():
        request.agents.minds.add(
            role=_value(agents_pb2.AgentRole, "AGENT_ROLE", name, "minds"),
            mind=_value(agents_pb2.AgentMind, "AGENT_MIND", own, "minds"),
        )
    request.explain = bool(options.get("explain"))


def _value(kind: Any, prefix: str, name: str, field: str) -> Any:
    """The number of an enum's plain name, 2 of "verb"."""
    known = {value.removeprefix(f"{prefix}_").lower(): number for value, number in kind.items() if number}
    if name not in known:
        limit = ", ".join(known)
        raise InvalidArgument(f"{field}: {name!r} is none of {limit}", field=field, limit=limit)
    return known[name]


def embed_request(texts: Sequence[str]) -> mapping_pb2.EmbedRequest:
    """A request to embed these texts.

    Raises:
        InvalidArgument: One string instead of several, which would be read letter by letter.
    """
    if isinstance(texts, str):
        raise InvalidArgument("texts must be a list of strings, not one string", field="texts")
    return mapping_pb2.EmbedRequest(texts=list(texts))
