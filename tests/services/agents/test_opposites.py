"""The blind check of pictures to songs of opposite feelings, for the words: warmer, brighter, livelier as expected."""

from __future__ import annotations

import random
from statistics import fmean

from luce.server.vocabulary import lexicon
from luce.v1 import agents_pb2
from tests.services.agents.imagine import prompts
from tests.services.agents.music import described

PAIRS = 20
LEAST = 0.9


def songs(seed: int) -> tuple[agents_pb2.MusicDescription, agents_pb2.MusicDescription]:
    """Two songs of opposite quadrants, the pleasant one first; clearly felt, in any key, tempo and loudness."""
    rng = random.Random(seed)
    excited = 1 if seed % 2 else -1

    def song(valence: int, arousal: int) -> agents_pb2.MusicDescription:
        return described(
            0.15 + valence * rng.uniform(0.12, 0.4),
            0.05 + arousal * rng.uniform(0.12, 0.4),
            tempo=rng.uniform(70, 150),
            loudness=rng.uniform(-26, -10),
            key=rng.choice(["", "C major", "A minor"]),
        )

    return song(1, excited), song(-1, -excited)


def words(song: agents_pb2.MusicDescription, seed: int) -> tuple[float, float, float]:
    """Warmth and brightness that the words of one prompt bring about, and the arousal of its motion."""
    (prompt,) = prompts(song, "", 1, seed)
    said = [lexicon().wording(kind, name) for kind, name in prompt.vocabulary.items()]
    motion = next(wording.entry.arousal for wording in said if wording.entry.kind == "motion")
    return sum(wording.warmth for wording in said), sum(wording.brightness for wording in said), motion


def test_warmth_brightness_and_motion_follow_the_feeling_in_nine_of_ten_pairs() -> None:
    for start in range(0, 3 * PAIRS, PAIRS):
        warmer, brighter, livelier = [], [], []
        for seed in range(start, start + PAIRS):
            pleasant, unpleasant = songs(seed)
            one, other = words(pleasant, seed), words(unpleasant, seed)
            warmer.append(one[0] > other[0])
            brighter.append(one[1] > other[1])
            livelier.append((one[2] > other[2]) == (pleasant.emotion.arousal > unpleasant.emotion.arousal))
        assert min(fmean(warmer), fmean(brighter), fmean(livelier)) >= LEAST, (warmer, brighter, livelier)
