from __future__ import annotations

import numpy as np
import pytest

from luce.emotion import Emotion
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.vision import PictureReader
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.measuring import Meant, Measured, PictureCritic, best

PICTURES = [np.random.default_rng(seed).integers(0, 256, (96, 128, 3)).astype(np.uint8) for seed in range(3)]
UNIT = np.eye(384, dtype=np.float32)[0]


@pytest.fixture
def critic(inference: InferenceClient) -> PictureCritic:
    return PictureCritic(PictureReader(inference), TextEmbedder(inference))


def measured(fit: float) -> Measured:
    return Measured(agents_pb2.PictureMeasures(), fit, ())


def test_the_best_fits_best_and_is_the_first_of_equals() -> None:
    assert best([measured(0.5), measured(0.9), measured(0.7)]) == 1
    assert best([measured(0.5), measured(0.9), measured(0.9)]) == 1
    # What differs only in digits that another machine may round otherwise is equal.
    assert best([measured(0.9), measured(0.9 + 1e-7)]) == 0


async def test_a_picture_is_measured_the_same_alone_and_beside_others(critic: PictureCritic) -> None:
    meant = [Meant(Emotion(0.2, 0.1), True, UNIT, 0.5)] * 3
    together = await critic.measure(PICTURES, meant)
    alone = [(await critic.measure([picture], meant[:1]))[0] for picture in PICTURES]
    assert [one.told for one in together] == [one.told for one in alone]
    assert [one.fit for one in together] == [one.fit for one in alone]


async def test_what_is_meant_decides_what_is_told(critic: PictureCritic) -> None:
    meant = [
        Meant(Emotion(0.2, 0.1), True, UNIT, 0.5),
        Meant(Emotion(0.2, 0.1), False, UNIT, None),
        Meant(None, False, UNIT, None),
    ]
    music, words, nothing = await critic.measure([PICTURES[0]] * 3, meant)
    assert music.told.HasField("va_similarity")
    assert music.told.HasField("sem_score")
    assert not words.told.HasField("va_similarity")
    assert words.fit == music.fit, "without music the prompt's emotion is what is aimed at"
    assert nothing.fit < words.fit


async def test_a_prompt_asks_for_the_musics_emotion_or_else_for_its_own(critic: PictureCritic) -> None:
    prompt = agents_pb2.Prompt(text="a calm sea", attributes=agents_pb2.VisualAttributes(scene="sea"))
    felt = agents_pb2.Prompt(text="a storm", emotion=emotion_pb2.Emotion(valence=-0.5, arousal=0.5))
    music = emotion_pb2.Emotion(valence=0.25, arousal=-0.25)
    by_music, by_words, unknown = await critic.read([prompt, felt, prompt], [music, None, None])
    assert (by_music.emotion, by_music.by_music) == (Emotion(0.25, -0.25), True)
    assert (by_words.emotion, by_words.by_music) == (Emotion(-0.5, 0.5), False)
    assert (unknown.emotion, by_words.sem_score) == (None, None)
    assert by_music.sem_score is not None
    assert 0.3 < by_music.sem_score < 1.0
