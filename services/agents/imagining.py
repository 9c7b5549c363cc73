"""From a description of music, and a person's own words, to prompts for pictures."""

from __future__ import annotations

import hashlib
import random
from typing import Final

from luce.errors import InvalidArgument
from luce.server.vocabulary import Attributes, harmonize, vocabulary
from luce.v1 import agents_pb2
from services.agents import wording
from services.agents.roles import (
    Brief,
    ColourAgent,
    CompositionAgent,
    SceneAgent,
    StyleAgent,
    VerbAgent,
    brief_of,
)

MAX_PROMPTS: Final = 8
MAX_TEXT_CHARACTERS: Final = 1000
_TRIES: Final = 8


class Imagination:
    """The agents around one table. Pure: the same description, text, count and seed give the same prompts.

    The first k prompts of a longer set are the prompts of the shorter set. The seed varies what is shown; the feeling
    comes from the music alone. Two pieces that differ draw differently, also with the same seed.
    """

    def __init__(self) -> None:
        self._scene = SceneAgent()
        self._verb = VerbAgent()
        self._style = StyleAgent()
        self._colour = ColourAgent()
        self._composition = CompositionAgent()

    def imagine(
        self, music: agents_pb2.MusicDescription | None, text: str = "", count: int = 1, seed: int = 0
    ) -> list[agents_pb2.Prompt]:
        """Prompts that differ from each other.

        Args:
            music: What the piece is like; None without music: every prompt is then the text as it stands.
            text: A person's own words, at most 1000 characters: the concept, which the music colours, never replaces.
            count: 1..8.
            seed: 0..2^64-1.

        Raises:
            InvalidArgument: `count` or `text` is out of its range, or there is neither music nor text.
        """
        text = " ".join(text.split())
        if not 1 <= count <= MAX_PROMPTS:
            raise InvalidArgument(f"count must be in 1..{MAX_PROMPTS}, not {count}", field="count", limit="1..8")
        check_text(text)
        if music is None:
            if not text:
                raise InvalidArgument("there is neither music nor text", field="text", limit="music, text or both")
            return [agents_pb2.Prompt(text=text) for _ in range(count)]
        brief = brief_of(music)
        prompts: list[agents_pb2.Prompt] = []
        scenes: list[str] = []
        for index in range(count):
            rng = random.Random(_digest(music, text, seed, index))
            prompt = self._one(brief, text, rng, scenes)
            said = {other.text for other in prompts}
            for _ in range(_TRIES):
                if prompt.text not in said:
                    break
                prompt = self._one(brief, text, rng, scenes)
            prompts.append(prompt)
            scenes.append(prompt.attributes.scene)
        return prompts

    def _one(self, brief: Brief, text: str, rng: random.Random, scenes: list[str]) -> agents_pb2.Prompt:
        wish = self._attributes(brief, rng, scenes)
        named = wording.named_in(text)
        wish = wording.follow(wish, named)
        prompt = wording.prompt_text(wish, text, named, rng)
        return agents_pb2.Prompt(
            text=prompt,
            negative_text=wording.negative_text(brief.valence, brief.arousal, named),
            attributes=_told(wish),
        )

    def _attributes(self, brief: Brief, rng: random.Random, scenes: list[str]) -> Attributes:
        scene = self._scene.choose(brief, rng, avoid=scenes)
        style = self._style.choose(brief, rng)
        colour = self._colour.choose(brief, scene, rng)
        return harmonize(
            Attributes(
                scene=scene.scene,
                subject=scene.subject,
                time=scene.time,
                weather=scene.weather,
                light=colour.light,
                palette=colour.palette,
                style=style.style,
                moods=style.moods,
                motion=self._verb.choose(brief, rng),
                composition=self._composition.choose(brief, rng),
                valence=brief.valence,
                arousal=brief.arousal,
            )
        )


def check_text(text: str, *, field: str = "text") -> None:
    """Raise `InvalidArgument` where the text is longer than 1000 characters."""
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidArgument(
            f"{field} has {len(text)} characters; at most {MAX_TEXT_CHARACTERS}",
            field=field,
            limit=f"{MAX_TEXT_CHARACTERS} characters",
        )


def _digest(music: agents_pb2.MusicDescription, text: str, seed: int, index: int) -> bytes:
    """What the choices hang on, rounded, so that the last bit of a float on another machine changes nothing."""
    heard = (
        f"{music.duration_s:.1f} {music.tempo_bpm:.0f} {music.key} {music.loudness_lufs:.0f} "
        f"{music.emotion.valence:.2f} {music.emotion.arousal:.2f}"
    )
    return hashlib.sha256(f"{heard}|{text}|{seed}|{index}".encode()).digest()


def _told(wish: Attributes) -> agents_pb2.VisualAttributes:
    """The attributes in plain words."""

    def phrase(kind: str, name: str | None) -> str:
        return vocabulary().entry(kind, name).phrases[0] if name is not None else ""

    return agents_pb2.VisualAttributes(
        scene=wish.scene,
        subject=phrase("subject", wish.subject),
        verb=phrase("motion", wish.motion),
        style=phrase("style", wish.style),
        palette=phrase("palette", wish.palette),
        lighting=phrase("light", wish.light),
        weather=phrase("weather", wish.weather),
        time_of_day=phrase("time", wish.time),
        composition=phrase("composition", wish.composition),
        mood=" and ".join(phrase("mood", mood) for mood in wish.moods),
    )
