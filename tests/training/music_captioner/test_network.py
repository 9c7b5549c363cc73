"""The step graph, token by token, gives what the network gives for the whole text."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from luce.server.music.captions import FIRST_WORD, LENGTHS, TOPICS, prefix
from training.music_captioner.export import decoder_graph, encoder_graph
from training.music_captioner.network import Captioner, Sizes
from training.music_captioner.vocabulary import SPECIAL, corpus, train

SIZES = Sizes(vocabulary=50, labels=7, sound=(12, 5), width=64, head=16, hidden=96, notes=2, positions=24)


@pytest.fixture(scope="module")
def model() -> Captioner:
    torch.manual_seed(0)
    return Captioner(SIZES).eval()


def session(graph: object) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined]


def test_tokens_one_by_one_have_the_logits_of_the_whole_text(model: Captioner) -> None:
    random = np.random.default_rng(0)
    tokens = random.integers(0, SIZES.vocabulary, (2, 9))
    sound, labels = random.standard_normal((2, 5, 12)).astype(np.float32), random.random((2, 7)).astype(np.float32)
    with torch.inference_mode():
        expected = model(torch.from_numpy(tokens), torch.from_numpy(sound), torch.from_numpy(labels)).numpy()
    encoder, decoder = session(encoder_graph(model)), session(decoder_graph(model))
    heard_names = [item.name for item in encoder.get_outputs()]
    heard = [encoder.run(heard_names, {"audio_tokens": sound[[i]], "tags": labels[[i]]}) for i in range(2)]
    feeds = {name: np.concatenate(part) for name, part in zip(heard_names, zip(*heard, strict=True), strict=True)}
    time = 16
    for layer in range(SIZES.layers):
        feeds[f"keys{layer}"] = np.zeros((2, SIZES.head, time), np.float32)
        feeds[f"values{layer}"] = np.zeros((2, time, SIZES.head), np.float32)
    names = [item.name for item in decoder.get_outputs()]
    for place in range(tokens.shape[1]):
        step = {"tokens": tokens[:, place : place + 1], "position": np.full(2, place)}
        found = dict(zip(names, decoder.run(names, feeds | step), strict=True))
        np.testing.assert_allclose(found["logits"][:, 0], expected[:, place], atol=2e-2)
        for layer in range(SIZES.layers):
            feeds[f"keys{layer}"][:, :, place] = found[f"new_keys{layer}"]
            feeds[f"values{layer}"][:, place] = found[f"new_values{layer}"]


def test_the_tokenizer_writes_back_what_it_reads() -> None:
    tokenizer = train(400)
    assert [tokenizer.token_to_id(name) for name in SPECIAL] == list(range(FIRST_WORD))
    for text in (*corpus(50, seed=3), "Ünlike any caption: 7 € & more!"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert {int(prefix(topic, length)[0]) for topic in TOPICS for length in LENGTHS} == {4, 5, 6, 7}
