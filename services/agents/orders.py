"""What a paint request asks for, checked and with its defaults."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final, Literal

from luce.errors import InvalidArgument
from luce.v1 import agents_pb2
from services.agents.imagining import MAX_PROMPTS, check_text

MAX_STEPS: Final = 100
MAX_GUIDANCE_SCALE: Final = 15.0
SMALLEST_SIDE, LARGEST_SIDE, SIDE_MULTIPLE = 192, 512, 32
MAX_CANDIDATES: Final = 8
FEWEST_FRAMES, MOST_FRAMES = 2, 64
AnimationFormat = Literal["mp4", "gif"]
_SEEDS: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class PaintOrder:
    """A checked paint request. None: the model's default.

    Attributes:
        audio_key: Key of the music in the object store; "" without.
        text: A person's own words.
        negative_text: What the person does not want to see.
        count: Pictures, 1..8.
        steps: Denoising steps, 1..100.
        guidance_scale: 0..15.
        width: Pixels, a multiple of 32 in 192..512.
        height: Pixels, likewise.
        preview_every: Steps from one preview to the next; 0: none.
        agents: Which agents have a say, and what they think with.
        explain: Whether to tell how the prompts came to be.
        candidates: Painted for each picture, 1..8, of which the best is kept.
        frames: Key pictures of an animation, 2..64; 0: no animation.
        animation_format: Of the animation.
    """

    audio_key: str
    text: str
    negative_text: str
    count: int
    steps: int | None
    guidance_scale: float | None
    width: int | None
    height: int | None
    preview_every: int
    agents: agents_pb2.AgentOptions
    explain: bool
    candidates: int = 1
    frames: int = 0
    animation_format: AnimationFormat = "mp4"


def paint_order(request: agents_pb2.PaintRequest) -> PaintOrder:
    """Check a request.

    Raises:
        InvalidArgument: A field is out of its range, or there is neither audio nor prompt.
    """
    options = request.options
    if not request.audio.key and not request.prompt.strip():
        raise InvalidArgument("there is neither audio nor a prompt", field="prompt", limit="audio, a prompt or both")
    check_text(request.prompt, field="prompt")
    check_text(options.negative_prompt, field="negative_prompt")
    guidance = options.guidance_scale if options.HasField("guidance_scale") else None
    if guidance is not None and not (math.isfinite(guidance) and 0.0 <= guidance <= MAX_GUIDANCE_SCALE):
        raise _out_of_range("guidance_scale", f"{guidance:g}", f"0..{MAX_GUIDANCE_SCALE:g}")
    frames, animation_format = _animation(request)
    return PaintOrder(
        audio_key=request.audio.key,
        text=request.prompt,
        negative_text=options.negative_prompt.strip(),
        count=_within("n", options.n, 1, MAX_PROMPTS) if options.HasField("n") else 1,
        steps=_within("steps", options.steps, 1, MAX_STEPS) if options.HasField("steps") else None,
        guidance_scale=guidance,
        width=_side("width", options.width) if options.HasField("width") else None,
        height=_side("height", options.height) if options.HasField("height") else None,
        preview_every=_within("preview_every", options.preview_every, 0, MAX_STEPS),
        agents=request.agents,
        explain=request.explain,
        candidates=_within("best_of", options.best_of, 1, MAX_CANDIDATES) if options.HasField("best_of") else 1,
        frames=frames,
        animation_format=animation_format,
    )


def _animation(request: agents_pb2.PaintRequest) -> tuple[int, AnimationFormat]:
    options = request.options
    if not options.HasField("frames"):
        if options.animation_format:
            raise InvalidArgument("animation_format goes with frames", field="animation_format", limit="with frames")
        return 0, "mp4"
    frames = _within("frames", options.frames, FEWEST_FRAMES, MOST_FRAMES)
    if not request.audio.key:
        raise InvalidArgument("frames need audio to follow", field="frames", limit="with audio")
    for field in ("n", "best_of"):
        if options.HasField(field) and getattr(options, field) != 1:
            raise InvalidArgument(f"frames and {field} do not go together", field=field, limit="1 with frames")
    if options.animation_format in ("", "mp4"):
        return frames, "mp4"
    if options.animation_format == "gif":
        return frames, "gif"
    raise _out_of_range("animation_format", repr(options.animation_format[:32]), "mp4 or gif")


def seed_of(seed: int, index: int) -> int:
    """The seed of picture `index`: counted on from the job's, round the 64-bit clock."""
    return (seed + index) % _SEEDS


def candidate_seed(seed: int, candidate: int) -> int:
    """The seed of a picture's candidate; the first has the picture's own, so it is what one alone would be."""
    if candidate == 0:
        return seed
    digest = hashlib.blake2b(f"{seed}|{candidate}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _within(field: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise _out_of_range(field, str(value), f"{low}..{high}")
    return value


def _side(field: str, value: int) -> int:
    if not SMALLEST_SIDE <= value <= LARGEST_SIDE or value % SIDE_MULTIPLE:
        raise _out_of_range(field, str(value), f"{SMALLEST_SIDE}..{LARGEST_SIDE}, a multiple of {SIDE_MULTIPLE}")
    return value


def _out_of_range(field: str, value: str, limit: str) -> InvalidArgument:
    return InvalidArgument(f"{field} must be in {limit}, not {value}", field=field, limit=limit)
