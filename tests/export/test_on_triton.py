"""The two small models in the real Triton: the same bytes as in a session of our own, alone or in company."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import pytest_asyncio
from tokenizers import Tokenizer

from export.text_encoder import measure
from luce.server.inference import InferenceClient
from luce.server.music.analysis import analyze
from luce.server.music.emotion_input import music_rows
from luce.server.music.notes import Notes
from tests.fixtures.triton import REPOSITORY, TritonServer
from tests.server.music import signals

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    triton = TritonServer(REPOSITORY, tmp_path_factory.mktemp("triton"), ("text_encoder", "music_emotion"))
    triton.start()
    yield triton
    triton.stop()


@pytest_asyncio.fixture
async def client(server: TritonServer) -> AsyncIterator[InferenceClient]:
    inference = InferenceClient(server.settings)
    yield inference
    await inference.close()


async def test_concurrent_texts_have_the_bytes_of_each_alone(client: InferenceClient) -> None:
    folder = REPOSITORY / "text_encoder" / "1"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = measure.texts()[:24]
    own = measure.encode(measure.session(folder / "model.onnx"), tokenizer, texts)
    rows = [tokenizer.encode_batch([text])[0] for text in texts]
    calls = [
        client.infer(
            "text_encoder",
            {"input_ids": np.array([row.ids]), "attention_mask": np.array([row.attention_mask])},
            deadline=60,
        )
        for row in rows
    ]
    for answer, expected, row in zip(await asyncio.gather(*calls), own, rows, strict=True):
        assert answer.outputs["sent_emb"][0].tobytes() == expected.tobytes()
        assert answer.outputs["token_states"].shape == (1, len(row.ids), 384)


async def test_the_windows_of_a_piece_feel_the_same_in_one_call_and_in_many(client: InferenceClient) -> None:
    sound = signals.progression(0, "major", 120, 20)
    onsets = np.arange(0.0, 20.0, 0.5)
    notes = Notes.sorted(onsets, onsets + 0.4, 60 + np.arange(onsets.size) % 12, np.full(onsets.size, 0.6))
    rows = music_rows(analyze(sound).descriptors, notes, 20.0)
    whole = await client.infer("music_emotion", {"descriptors": rows}, deadline=60)
    calls = [client.infer("music_emotion", {"descriptors": row[None]}, deadline=60) for row in rows]
    for index, answer in enumerate(await asyncio.gather(*calls)):
        for name in ("emotion", "uncertainty"):
            assert answer.outputs[name][0].tobytes() == whole.outputs[name][index].tobytes()
