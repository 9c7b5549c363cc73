"""HTTP fields of a paint request as the protobuf message that both doors check."""

from __future__ import annotations

import re
from typing import Final

from gateway import admission
from gateway.http.receiving import unicode_text
from gateway.http.request_schemas import AgentOptions, ImageOptions
from luce.errors import InvalidArgument
from luce.v1 import agents_pb2

_SIZE: Final = re.compile(r"([0-9]{1,5})[xX×]([0-9]{1,5})")
_NUMBERS: Final[dict[str, tuple[float, float]]] = {
    "n": admission.PICTURES,
    "steps": admission.STEPS,
    "guidance_scale": admission.GUIDANCE_SCALE,
    "seed": admission.SEED,
    "preview_every": (0, admission.STEPS[1]),
    "best_of": admission.CANDIDATES,
    "frames": admission.FRAMES,
}


def paint_request(options: ImageOptions) -> agents_pb2.PaintRequest:
    """The message. What a protobuf field cannot even hold (a negative or a huge number) is refused here.

    Raises:
        InvalidArgument: A field is out of range, or `size` and `width` or `height` are both given.
    """
    request = agents_pb2.PaintRequest(prompt=unicode_text("prompt", options.prompt))
    request.options.negative_prompt = unicode_text("negative_prompt", options.negative_prompt)
    for field, allowed in _NUMBERS.items():
        value = getattr(options, field)
        if value is not None:
            admission.check_number(field, value, allowed)
            setattr(request.options, field, value)
    request.options.animation_format = options.animation_format or ""
    for field, pixels in _sides(options).items():
        admission.check_side(field, pixels)
        setattr(request.options, field, pixels)
    set_agents(request, options)
    return request


def set_agents(request: agents_pb2.PaintRequest | agents_pb2.ImagineRequest, options: AgentOptions) -> None:
    """Put the options of the agents into a message. Raises `InvalidArgument` for an agent that does not exist."""
    roles = {name.removeprefix("AGENT_ROLE_").lower(): role for name, role in agents_pb2.AgentRole.items() if role}
    without = options.without.split(",") if isinstance(options.without, str) else options.without
    for name in filter(None, (name.strip() for name in without)):
        if name not in roles:
            limit = ", ".join(roles)
            raise InvalidArgument(f"without: {name[:32]!r} is none of {limit}", field="without", limit=limit)
        request.agents.without.append(roles[name])
    if options.baseline is not None:
        request.agents.baseline = agents_pb2.AgentBaseline.Value(f"AGENT_BASELINE_{options.baseline.upper()}")
    if options.mind is not None:
        request.agents.mind = agents_pb2.AgentMind.Value(f"AGENT_MIND_{options.mind.upper()}")
    request.explain = options.explain


def _sides(options: ImageOptions) -> dict[str, int]:
    sides = {field: value for field in ("width", "height") if (value := getattr(options, field)) is not None}
    if options.size is None or options.size == "auto":
        return sides
    if sides:
        raise InvalidArgument("size and width or height are both given", field="size", limit="one of them")
    match = _SIZE.fullmatch(options.size)
    low, high = admission.SIDE
    if match is None:
        limit = f"WIDTHxHEIGHT, each {low}..{high}, a multiple of {admission.SIDE_MULTIPLE}, or auto"
        raise InvalidArgument(f"size is {options.size[:32]!r}; allowed is {limit}", field="size", limit=limit)
    return {"width": int(match[1]), "height": int(match[2])}
