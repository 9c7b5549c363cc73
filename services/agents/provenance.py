"""Where a picture comes from, as text that travels inside its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from luce import __version__
from luce.server import measures
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.generator import Picture, PictureOrder

AI_MADE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for what a trained model made."""


def of_picture(
    order: PictureOrder,
    picture: Picture,
    prompt: agents_pb2.Prompt,
    told: agents_pb2.PictureMeasures,
    *,
    job_seed: int,
    candidate: tuple[int, int],
    music: emotion_pb2.Emotion | None,
    models: Mapping[str, str],
    licence: str,
) -> dict[str, str]:
    """What a PNG says of itself: enough to paint it again and to know what it was meant to be.

    Args:
        order: What was asked of the picture model.
        picture: What came of it.
        prompt: The agents' prompt.
        told: How the picture was measured.
        job_seed: Seed of the whole job.
        candidate: Which candidate this is, from 0, and of how many.
        music: How the music feels at this picture; None without music.
        models: Name to version of every model that took part.
        licence: Of the picture model's weights.
    """
    number, count = candidate
    found = {
        "Description": prompt.text,
        "Software": f"Luce {__version__}",
        "luce:negative_prompt": order.negative_prompt,
        "luce:seed": str(order.seed),
        "luce:job_seed": str(job_seed),
        "luce:candidate": f"{number + 1} of {count}",
        "luce:steps": str(picture.steps),
        "luce:guidance_scale": "default" if order.guidance_scale is None else f"{order.guidance_scale:g}",
        "luce:models": ", ".join(f"{name} {version}" for name, version in sorted(models.items())),
        "luce:weights_licence": licence,
        "luce:digital_source_type": AI_MADE,
        "luce:image_emotion": told_emotion(told.image_emotion),
        "luce:text_similarity": f"{told.text_similarity:.3f}",
        "luce:measures_version": measures.VERSION,
    }
    if told.HasField("aesthetic"):
        found["luce:aesthetic"] = f"{told.aesthetic:.2f}"
    if prompt.HasField("emotion"):
        found["luce:prompt_emotion"] = told_emotion(prompt.emotion)
    if music is not None:
        found["luce:music_emotion"] = told_emotion(music)
        found["luce:va_similarity"] = f"{told.va_similarity:.3f}"
    return found


def of_animation(
    order: PictureOrder,
    prompt: agents_pb2.Prompt,
    *,
    frames: int,
    music: emotion_pb2.Emotion,
    models: Mapping[str, str],
    licence: str,
) -> dict[str, str]:
    """What an animation says of itself, in the two keys that players of mp4 keep.

    Args:
        order: What was asked of the picture model for the first key picture.
        prompt: Of the first key picture.
        frames: How many key pictures there are.
        music: How the music feels as a whole.
        models: Name to version of every model that took part.
        licence: Of the picture model's weights.
    """
    told = {
        "software": f"Luce {__version__}",
        "prompt": prompt.text,
        "negative_prompt": order.negative_prompt,
        "seed": order.seed,
        "frames": frames,
        "music_emotion": told_emotion(music),
        "models": dict(sorted(models.items())),
        "weights_licence": licence,
        "digital_source_type": AI_MADE,
    }
    return {"title": prompt.text, "comment": json.dumps(told, ensure_ascii=False)}


def told_emotion(emotion: emotion_pb2.Emotion) -> str:
    """An emotion in words and numbers."""
    return f"valence {emotion.valence:+.3f}, arousal {emotion.arousal:+.3f}"
