"""The network as a graph: the same numbers as in PyTorch, for each window alone."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from luce.server.music.tags import tags
from training.audio_encoder.export import Served, build
from training.audio_encoder.network import AudioEncoder, Sizes

NAMES = ["embedding", "audio_tokens", "tags"]


@pytest.fixture(scope="module")
def model() -> AudioEncoder:
    torch.manual_seed(0)
    model = AudioEncoder(Sizes(labels=len(tags().entries)))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return model.eval()


@pytest.fixture(scope="module")
def graph(model: AudioEncoder) -> onnxruntime.InferenceSession:
    made = build(model)
    onnx.checker.check_model(made)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def windows(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-90, -20, (count, 500, 64)).astype(np.float32)


def test_the_graph_answers_as_pytorch_does(model: AudioEncoder, graph: onnxruntime.InferenceSession) -> None:
    mel = windows(3)
    with torch.inference_mode():
        expected = Served(model)(torch.from_numpy(mel))
    for found, wanted in zip(graph.run(NAMES, {"log_mel": mel}), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), atol=5e-3)


def test_embeddings_have_length_one_and_tags_are_probabilities(graph: onnxruntime.InferenceSession) -> None:
    embedding, tokens, found = graph.run(NAMES, {"log_mel": windows(2)})
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert tokens.shape == (2, 16, 256)
    assert found.shape == (2, len(tags().entries))
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("company", [1, 2, 7, 18])
def test_a_window_has_the_same_bytes_alone_and_in_company(graph: onnxruntime.InferenceSession, company: int) -> None:
    mel = windows(18)
    together = graph.run(NAMES, {"log_mel": mel[:company]})
    for index in range(company):
        alone = graph.run(NAMES, {"log_mel": mel[index : index + 1]})
        assert all(part[index].tobytes() == one[0].tobytes() for part, one in zip(together, alone, strict=True))
