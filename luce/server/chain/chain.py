"""The chain of thought, by rules: what is seen → what the music should have → how it is described, with reasons.

The three steps and their elements are those of CoT-VTM's prompt (appendix A). A seed decides where several choices are
as good: the same impression and seed give the same thought, another seed gives other music for the same picture.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from luce.server.chain.impression import Impression, pooled
from luce.server.chain.music import Controls, choose_controls, emotion_words, mode_and_tempo, rhythm_words
from luce.server.chain.record import MusicElements, Record
from luce.server.chain.wording import describe_music, hear_in, look_at, see_in, weigh


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a step: its values in words, and why."""

    name: str
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain, for people.

    Attributes:
        stage: "seen" (for texts "read"), "music" or "composed".
        text: the reasoning in one to three sentences.
        elements: what the step found.
    """

    stage: str
    text: str
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Thought:
    """The whole chain for one impression.

    Attributes:
        impression: where it began.
        record: every step in words, by the schema.
        controls: the music as a composer can be asked for it.
        steps: the same for people, with a reason for each element.
    """

    impression: Impression
    record: Record
    controls: Controls
    steps: tuple[Step, ...]

    @property
    def rationale(self) -> str:
        """The reasoning of all steps."""
        return self.record.rationale

    @property
    def description(self) -> str:
        """The music in words."""
        return self.record.music_description


class Chain:
    """Thinks from pictures or texts to music. It keeps no state."""

    def think(self, impression: Impression, seed: int = 0) -> Thought:
        """The chain for one impression.

        Args:
            impression: what was seen or read.
            seed: any whole number.
        """
        rng = random.Random(f"chain {seed}")
        visual = see_in(impression)
        seen = look_at(impression, visual, rng)
        controls = choose_controls(impression, rng)
        music = MusicElements(
            genre=controls.genre_phrase,
            instruments=controls.instrument_phrases,
            emotion=" and ".join(emotion_words(controls.emotion)),
            rhythm=rhythm_words(controls),
        )
        heard = hear_in(visual, music, controls, rng)
        description = describe_music(music, controls, rng)
        weighed = weigh(music, controls, rng)
        record = Record(
            image_description=impression.description or seen.scene,
            step1_reasoning=seen.reasoning,
            visual_elements=visual,
            visual_description=seen.scene,
            step2_reasoning=heard,
            music_elements=music,
            step3_reasoning=weighed,
            music_description=description,
        )
        return Thought(impression, record, controls, _steps(impression, record, controls))

    def follow(
        self, shots: Sequence[Impression], seconds: Sequence[float], seed: int = 0
    ) -> tuple[Thought, list[Controls]]:
        """The chain for a video: one style for the whole, and how each shot is played in it.

        Genre, instruments and metre are those of the pooled impression; emotion, mode and tempo follow the shots.

        Args:
            shots: at least one.
            seconds: length of each, above 0.
            seed: any whole number.

        Raises:
            ValueError: as `pooled`.
        """
        whole = self.think(pooled(shots, seconds), seed)
        return whole, [self._play(shot, whole.controls) for shot in shots]

    def _play(self, shot: Impression, whole: Controls) -> Controls:
        mode, tempo = mode_and_tempo(shot.emotion, shot.motion)
        return replace(whole, emotion=shot.emotion, mode=mode, tempo_bpm=tempo)


def _steps(impression: Impression, record: Record, controls: Controls) -> tuple[Step, ...]:
    visual, music = record.visual_elements, record.music_elements
    valence, arousal = impression.emotion.valence, impression.emotion.arousal
    by_emotion = f"valence {valence:+.2f}, arousal {arousal:+.2f}"
    by_motion = f"motion {impression.motion:+.2f}"
    first = Step(
        "read" if impression.description else "seen",
        record.step1_reasoning,
        (
            Element("object", (visual.object,), "what is nearest to it"),
            Element("emotion", (visual.emotion,), by_emotion),
            Element("dynamic", (visual.dynamic,), by_motion),
            Element("color", (visual.color,), "the tones that stand out"),
        ),
    )
    because = ", ".join(controls.shared_contexts) or "no particular setting"
    second = Step(
        "music",
        record.step2_reasoning,
        (
            Element("genre", (music.genre,), f"goes with {because} and feels alike"),
            Element("instruments", music.instruments, f"typical of {music.genre}, and of a like feeling"),
            Element("emotion", (music.emotion,), "the same as of what is seen"),
            Element("rhythm", (music.rhythm,), f"{by_motion}, arousal {arousal:+.2f}"),
            Element("mode", (controls.mode,), f"valence {valence:+.2f}"),
        ),
    )
    third = Step("composed", record.step3_reasoning, (Element("description", (record.music_description,), by_emotion),))
    return first, second, third
