"""What may enter: the ranges of a request, and the most work one may ask for.

Both doors check here, on the protobuf message, so that a limit is written once. How many jobs may wait is the queue's
own bound (`luce.server.jobs`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from luce.errors import InvalidArgument
from luce.server.music import limits as music
from luce.v1 import agents_pb2, mapping_pb2

STEPS: Final = (1, 100)
GUIDANCE_SCALE: Final = (0.0, 15.0)
SIDE: Final = (192, 512)
SIDE_MULTIPLE: Final = 32
PICTURES: Final = (1, 8)
CANDIDATES: Final = (1, 8)
FRAMES: Final = (2, 64)
ANIMATION_FORMATS: Final = ("mp4", "gif")
PROMPT_CHARACTERS: Final = 1000
SEED: Final = (0, 2**64 - 1)
TEXTS: Final = (1, 64)
TEXT_CHARACTERS: Final = (1, 8192)
EMBEDDED_MEDIA: Final = (1, 16)
IDEMPOTENCY_KEY_CHARACTERS: Final = 255

# What the studio model takes where a field is left out; used for the cost alone.
_DEFAULT_STEPS: Final = 12
_DEFAULT_SIDE: Final = 256

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_number(field: str, value: float, allowed: tuple[float, float]) -> None:
    """Raises `InvalidArgument` where the value (NaN too) is outside the closed range."""
    low, high = allowed
    if not low <= value <= high:
        limit = f"{_plain(low)}..{_plain(high)}"
        raise InvalidArgument(f"{field} is {_plain(value)}; allowed is {limit}", field=field, limit=limit)


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def check_text(field: str, text: str, most: int) -> None:
    """Raises `InvalidArgument` where the text is too long or holds control characters."""
    if len(text) > most:
        raise InvalidArgument(
            f"{field} has {len(text)} characters; at most {most} are allowed",
            field=field,
            limit=f"0..{most} characters",
        )
    if _CONTROL.search(text):
        raise InvalidArgument(f"{field} holds control characters", field=field, limit="no control characters")


def check_idempotency_key(key: str) -> None:
    """Raises `InvalidArgument` where the key is too long or not printable ASCII."""
    limit = f"1..{IDEMPOTENCY_KEY_CHARACTERS} printable ASCII characters"
    if len(key) > IDEMPOTENCY_KEY_CHARACTERS or not key.isascii() or (key and not key.isprintable()):
        raise InvalidArgument("the idempotency key is too long or not printable", field="idempotency_key", limit=limit)


def check_timeout(field: str, seconds: float, most: float) -> None:
    """Raises `InvalidArgument` where a timeout is not finite, negative, or longer than `most` seconds."""
    if not math.isfinite(seconds) or not 0 <= seconds <= most:
        raise InvalidArgument(
            f"{field} is {seconds:g} s; allowed is 0..{most:g} s", field=field, limit=f"0..{most:g} s"
        )


def paint_cost(options: agents_pb2.PaintOptions) -> int:
    """The work that painting takes: steps × width × height × pictures (`frames`, or `n` × `best_of`)."""
    steps = options.steps if options.HasField("steps") else _DEFAULT_STEPS
    width = options.width if options.HasField("width") else _DEFAULT_SIDE
    height = options.height if options.HasField("height") else _DEFAULT_SIDE
    pictures = options.n if options.HasField("n") else 1
    candidates = options.best_of if options.HasField("best_of") else 1
    return steps * width * height * (options.frames if options.HasField("frames") else pictures * candidates)


def check_paint(request: agents_pb2.PaintRequest, max_cost: int) -> None:
    """Whether this may be painted at all.

    Raises:
        InvalidArgument: A field is out of range, nothing is given to paint from, or all of it together is more work
            than `max_cost` (`paint_cost`).
    """
    options = request.options
    if not request.HasField("audio") and not request.prompt.strip():
        raise InvalidArgument("there is nothing to paint from: give audio, a prompt, or both", field="audio")
    check_text("prompt", request.prompt, PROMPT_CHARACTERS)
    check_text("negative_prompt", options.negative_prompt, PROMPT_CHARACTERS)
    check_agents(request.agents)
    if options.HasField("steps"):
        check_number("steps", options.steps, STEPS)
    if options.HasField("guidance_scale"):
        check_number("guidance_scale", options.guidance_scale, GUIDANCE_SCALE)
    if options.HasField("n"):
        check_number("n", options.n, PICTURES)
    if options.HasField("best_of"):
        check_number("best_of", options.best_of, CANDIDATES)
    _check_animation(request)
    for field in ("width", "height"):
        if options.HasField(field):
            check_side(field, getattr(options, field))
    if options.preview_every:
        check_number("preview_every", options.preview_every, (0, STEPS[1]))
    cost = paint_cost(options)
    if cost > max_cost:
        raise InvalidArgument(
            f"steps × width × height × pictures is {cost}; at most {max_cost} is allowed",
            field="frames" if options.HasField("frames") else "n",
            limit=f"0..{max_cost}",
        )


def _check_animation(request: agents_pb2.PaintRequest) -> None:
    options = request.options
    if not options.HasField("frames"):
        if options.animation_format:
            raise InvalidArgument("animation_format goes with frames", field="animation_format", limit="with frames")
        return
    check_number("frames", options.frames, FRAMES)
    if not request.HasField("audio"):
        raise InvalidArgument("frames need audio to follow", field="frames", limit="with audio")
    for field in ("n", "best_of"):
        if options.HasField(field) and getattr(options, field) != 1:
            raise InvalidArgument(f"frames and {field} do not go together", field=field, limit="1 with frames")
    if options.animation_format and options.animation_format not in ANIMATION_FORMATS:
        limit = " or ".join(ANIMATION_FORMATS)
        message = f"animation_format is {options.animation_format[:32]!r}; allowed is {limit}"
        raise InvalidArgument(message, field="animation_format", limit=limit)


def check_agents(options: agents_pb2.AgentOptions) -> None:
    """Raises `InvalidArgument` for an agent, mind or baseline that does not exist, or a baseline without agents."""
    roles, minds = agents_pb2.AgentRole, agents_pb2.AgentMind
    for role in options.without:
        _check_value("without", roles, role)
    for choice in options.minds:
        _check_value("minds", roles, choice.role)
        _check_value("minds", minds, choice.mind)
    if options.mind:
        _check_value("mind", minds, options.mind)
    if options.baseline:
        _check_value("baseline", agents_pb2.AgentBaseline, options.baseline)
        if options.without:
            raise InvalidArgument(
                "without goes without a baseline, which has no agents", field="without", limit="empty"
            )


def _check_value(field: str, kind: Any, value: int) -> None:
    if not value or value not in kind.values():
        limit = ", ".join(name for name, number in kind.items() if number)
        raise InvalidArgument(f"{field}: {value} is none of {limit}", field=field, limit=limit)


def check_music(options: mapping_pb2.MusicOptions, seconds: float, max_cost: float) -> None:
    """Whether so much music may be asked for.

    Args:
        options: What is asked for.
        seconds: Length of one piece.
        max_cost: Most seconds of music, over all pieces and candidates.

    Raises:
        InvalidArgument: A field is out of range, or all of it together is too much.
    """
    music.check_options(options)
    pieces = options.n if options.HasField("n") else 1
    candidates = options.candidates if options.HasField("candidates") else music.DEFAULT_CANDIDATES
    cost = seconds * pieces * candidates
    if cost > max_cost:
        limit = f"0..{max_cost:g} s"
        message = f"seconds × n × candidates is {cost:g} s; at most {max_cost:g} s is allowed"
        raise InvalidArgument(message, field="n", limit=limit)


def check_compose(request: mapping_pb2.ComposeRequest, max_cost: float) -> None:
    """Raises `InvalidArgument` where nothing is given to start from, a field is out of range, or it is too much."""
    if request.text or not request.HasField("midi"):
        music.check_story(request.text)
    music.check_variation(request)
    # A variation is as long as what it varies: nobody knows here how long that is.
    default = music.SECONDS[1] if request.HasField("variation") else music.DEFAULT_SECONDS
    check_music(request.options, request.options.seconds if request.options.HasField("seconds") else default, max_cost)


def check_score(request: mapping_pb2.ScoreRequest, media_type: str, longest_s: float, max_cost: float) -> None:
    """Whether music may be written to this medium.

    Args:
        request: What is asked for.
        media_type: Of the medium, as the store has it.
        longest_s: Longest video that is taken, seconds.
        max_cost: Most seconds of music, over all pieces and candidates.

    Raises:
        InvalidArgument: A field is out of range or does not go with the medium, or it is too much work.
    """
    options = request.options
    if not media_type.startswith(("image/", "video/")):
        limit = "an image or a video"
        raise InvalidArgument(f"media is {media_type}, not {limit}", field="media", limit=limit)
    if media_type.startswith("video/"):
        if options.HasField("seconds"):
            message = "seconds cannot be chosen for a video: its music is as long as it is"
            raise InvalidArgument(message, field="seconds", limit="none for a video")
        seconds = longest_s
    else:
        for field in ("mux", "accents"):
            if getattr(request, field):
                raise InvalidArgument(f"{field} needs a video, not {media_type}", field=field, limit="a video")
        seconds = options.seconds if options.HasField("seconds") else music.DEFAULT_SECONDS
    check_music(options, seconds, max_cost)


def check_side(field: str, pixels: int) -> None:
    """Raises `InvalidArgument` where a picture cannot have such a side."""
    low, high = SIDE
    if not low <= pixels <= high or pixels % SIDE_MULTIPLE:
        limit = f"{low}..{high}, a multiple of {SIDE_MULTIPLE}"
        raise InvalidArgument(f"{field} is {pixels} pixels; allowed is {limit}", field=field, limit=limit)


def check_texts(field: str, texts: Sequence[str]) -> None:
    """Whether these texts may be embedded.

    Raises:
        InvalidArgument: Too few or too many texts, or one that is empty or too long.
    """
    low, high = TEXTS
    if not low <= len(texts) <= high:
        raise InvalidArgument(
            f"{field} has {len(texts)} texts; allowed is {low}..{high}", field=field, limit=f"{low}..{high} texts"
        )
    low, high = TEXT_CHARACTERS
    for index, text in enumerate(texts):
        if not low <= len(text) <= high:
            raise InvalidArgument(
                f"{field}[{index}] has {len(text)} characters; allowed is {low}..{high}",
                field=f"{field}[{index}]",
                limit=f"{low}..{high} characters",
            )
