"""Words about the music against the lexicon, with the real text encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from luce.errors import Unavailable
from luce.server.inference import Embedded, InferenceClient, TextEmbedder
from luce.server.settings import TritonSettings
from luce.server.vocabulary import vocabulary
from luce.v1 import agents_pb2
from services.agents.imagining import Imagination
from services.agents.matching import Clue, Matcher, clues_of
from tests.fixtures.nats import free_port
from tests.services.agents.music import described


class Counting:
    """The embedder, and what it was asked."""

    def __init__(self, inner: TextEmbedder) -> None:
        self._inner = inner
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str], *, deadline: float) -> Embedded:
        self.asked.append(list(texts))
        return await self._inner.embed(texts, deadline=deadline)


@pytest.fixture
def counting(inference: InferenceClient) -> Counting:
    return Counting(TextEmbedder(inference))


def first(pulls: object, kind: str) -> str:
    return max(vocabulary().entries(kind), key=lambda name: pulls.strength(kind, name))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "words", "kind", "names"),
    [
        ("style", "jazz", "scene", {"city"}),
        ("style", "reggae", "scene", {"island"}),
        ("instrument", "harpsichord", "subject", {"castle"}),
        ("instrument", "harp", "scene", {"lake"}),
        ("style", "chiptune", "style", {"pixel"}),
        ("style", "opera", "style", {"oil"}),
        ("caption", "A sea shanty sung by fishermen while waves roll.", "scene", {"sea"}),
        ("caption", "An epic orchestral piece with a brass fanfare.", "scene", {"mountain"}),
    ],
)
async def test_music_calls_for_what_people_associate_with_it(
    counting: Counting, source: str, words: str, kind: str, names: set[str]
) -> None:
    pulls = await Matcher(counting).pulls([Clue(source, words, 0.9)])
    best = first(pulls, kind)
    assert best in names
    assert pulls.strength(kind, best) > 0.5
    assert words[:20] in pulls.reasons(kind, best)[0]


async def test_unsure_words_call_less_and_strange_words_for_nothing(counting: Counting) -> None:
    matcher = Matcher(counting)
    sure, unsure = [await matcher.pulls([Clue("style", "jazz", weight)]) for weight in (0.9, 0.3)]
    assert sure.strength("scene", "city") == pytest.approx(3 * unsure.strength("scene", "city"))
    assert not (await matcher.pulls([Clue("style", "tax return form 1040", 0.9)])).table
    assert not (await matcher.pulls([])).table


async def test_cues_are_embedded_once_and_known_words_not_again(counting: Counting) -> None:
    matcher = Matcher(counting)
    clues = [Clue("style", "jazz", 0.9), Clue("instrument", "piano", 0.5)]
    one, two = await asyncio.gather(matcher.pulls(clues), matcher.pulls(clues))
    assert one == two
    assert sum(len(asked) > 50 for asked in counting.asked) == 1
    before = len(counting.asked)
    assert await matcher.pulls(clues[:1]) == await matcher.pulls([Clue("style", "jazz", 0.9)])
    assert len(counting.asked) == before


async def test_alone_or_beside_others_the_same_words_call_alike(counting: Counting) -> None:
    matcher = Matcher(counting)
    alone = await matcher.pulls([Clue("style", "jazz", 0.9)])
    crowd = await Matcher(counting).pulls(
        [Clue("style", "jazz", 0.9), *(Clue("mood", f"word {i}", 0.1) for i in range(20))]
    )
    assert crowd.strength("scene", "city") == alone.strength("scene", "city")


async def test_without_the_text_encoder_the_request_is_refused_as_unavailable() -> None:
    client = InferenceClient(TritonSettings(url=f"127.0.0.1:{free_port()}"))
    imagination = Imagination(Matcher(TextEmbedder(client), timeout_s=5.0))
    music = described(0.4, 0.4)
    music.caption = "Jazz."
    with pytest.raises(Unavailable):
        await imagination.imagine(music)
    assert len((await imagination.imagine(described(0.4, 0.4))).prompts) == 1
    await client.close()


def test_clues_are_the_values_of_descriptors_the_tags_and_the_caption_each_once() -> None:
    music = described()
    music.descriptors.add(
        dimension=agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS, values=["piano", "violin"], confidence=0.8
    )
    music.descriptors.add(dimension=agents_pb2.DESCRIPTOR_DIMENSION_KEY, values=["A minor"], confidence=0.9)
    music.tags.add(dimension="instruments", name="Piano", confidence=0.6)
    music.tags.add(dimension="moods", name="sad", confidence=0.7)
    music.tags.add(dimension="voice", name="male voice", confidence=0.9)
    music.caption = "  A sad   piece. "
    assert [(clue.source, clue.words, round(clue.weight, 2)) for clue in clues_of(music)] == [
        ("instrument", "piano", 0.8),
        ("caption", "A sad piece.", 0.8),
        ("mood", "sad", 0.7),
        ("instrument", "violin", 0.4),
    ]


def test_clues_are_few_and_short_whatever_is_heard() -> None:
    music = described()
    music.caption = "x" * 100_000
    for index in range(500):
        music.tags.add(dimension="styles", name=f"style {index}", confidence=2.0)
    clues = clues_of(music)
    assert len(clues) == 24
    assert all(len(clue.words) <= 300 and clue.weight <= 1 for clue in clues)


async def test_the_report_says_which_words_led_to_a_place(counting: Counting) -> None:
    music = described(0.0, 0.3)
    music.tags.add(dimension="styles", name="jazz", confidence=0.9)
    imagination = Imagination(Matcher(counting))
    places = 0
    for seed in range(12):
        answer = await imagination.imagine(music, "", 1, seed)
        scene = next(note for note in answer.report.notes if note.topic == "scene")
        if answer.prompts[0].vocabulary["scene"] == "city":
            places += 1
            assert any("jazz" in reason for reason in scene.evidence)
    assert places >= 3
