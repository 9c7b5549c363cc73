"""The served step: in float32 it is the traced one, with 8-bit weights it is close, and company changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from backends.autoregressive.loading import Options, load_engine
from luce.server.music.captions import END, FIRST_WORD, START
from training.music_captioner.export import decoder_graph, encoder_graph, write
from training.music_captioner.network import Captioner, Sizes
from training.music_captioner.quantise import scale_of, scales, write_encoder
from training.music_captioner.step_graph import Array, build, quantise, read
from training.music_captioner.vocabulary import train

SIZES = Sizes(vocabulary=50, labels=7, sound=(12, 5), width=64, head=16, hidden=96, notes=2, positions=80)
ROWS, LENGTH = 6, 24


@pytest.fixture(scope="module")
def model() -> Captioner:
    torch.manual_seed(0)
    captioner = Captioner(SIZES).eval()
    # As after training, no two norms are alike; of those that are, the exporter keeps one.
    with torch.no_grad():
        for parameter in captioner.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return captioner


@pytest.fixture(scope="module")
def traced(model: Captioner) -> onnx.ModelProto:
    return decoder_graph(model)


def memory(rows: int, seed: int) -> dict[str, Array]:
    random, found = np.random.default_rng(seed), dict[str, Array]()
    for layer in range(SIZES.layers):
        found[f"heard_keys{layer}"] = random.standard_normal((rows, SIZES.head, SIZES.memory)).astype(np.float32)
        found[f"heard_values{layer}"] = random.standard_normal((rows, SIZES.memory, SIZES.head)).astype(np.float32)
    return found


def inputs(served: bool) -> dict[str, Array]:
    """Rows at different positions, as the traced or as the served step takes them."""
    random = np.random.default_rng(3)
    found: dict[str, Array] = {"tokens": random.integers(0, SIZES.vocabulary, (ROWS, 1))}
    found["position"] = np.array([0, 1, 4, 11, 17, LENGTH - 1])
    for layer in range(SIZES.layers):
        for kind in ("keys", "values"):
            entries = random.standard_normal((ROWS, LENGTH, SIZES.head)).astype(np.float32)
            if served:
                found[f"{kind}{layer}"] = entries[:, None]
            else:
                found[f"{kind}{layer}"] = entries.transpose(0, 2, 1) if kind == "keys" else entries
    return found | memory(ROWS, 4)


def run(model: onnx.ModelProto, feeds: dict[str, Array]) -> dict[str, Array]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def test_in_float32_the_step_is_the_traced_one(traced: onnx.ModelProto) -> None:
    expected, found = run(traced, inputs(served=False)), run(build(*read(traced)).model, inputs(served=True))
    np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-5)
    own = np.arange(ROWS), 0, inputs(served=True)["position"]
    for name in expected.keys() - {"logits"}:
        np.testing.assert_allclose(found[name][own], expected[name], atol=1e-5)


def test_all_that_was_in_the_cache_stays(traced: onnx.ModelProto) -> None:
    feeds = inputs(served=True)
    found = run(build(*read(traced)).model, feeds)
    others = np.arange(LENGTH)[None] < feeds["position"][:, None]
    for name in ("keys0", "values0", "keys1", "values1"):
        assert (found[f"new_{name}"][:, 0][others] == feeds[name][:, 0][others]).all()


def test_with_8_bit_weights_the_logits_are_close(traced: onnx.ModelProto) -> None:
    weights, shape = read(traced)
    step = build(weights, shape, scales(traced, memory(40, 5)))
    expected, found = (run(graph, inputs(served=True))["logits"] for graph in (build(weights, shape).model, step.model))
    assert 0 < np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
    assert not any(
        kind.data_type == onnx.TensorProto.FLOAT and len(kind.dims) > 1 for kind in step.model.graph.initializer
    )


def test_a_row_is_the_same_alone_and_in_company(traced: onnx.ModelProto) -> None:
    step, feeds = build(*read(traced), scales(traced, memory(40, 5))), inputs(served=True)
    together = run(step.model, feeds)
    for row in range(ROWS):
        alone = run(step.model, {name: value[row : row + 1] for name, value in feeds.items()})
        assert alone["logits"][0].tobytes() == together["logits"][row].tobytes()


def test_weights_are_rounded_to_the_nearest_of_255_steps() -> None:
    weight = np.random.default_rng(0).standard_normal((30, 7)).astype(np.float32)
    weight[:, 2] = 0
    values, steps = quantise(weight)
    assert values.dtype == np.int8
    assert (np.abs(values).max(axis=0) == [127, 127, 0, 127, 127, 127, 127]).all()
    assert (np.abs(values * steps - weight) <= steps / 2 * 1.001).all()


def test_a_scale_holds_what_was_seen() -> None:
    for least, most, zero in ((0.0, 5.1, 0), (-2.54, 1.0, 128), (-1.0, 2.54, 128)):
        scale = scale_of(least, most)
        assert (scale.zero, round(scale.step, 9)) == (zero, 0.02)


def test_with_8_bit_weights_what_was_heard_is_close(model: Captioner, tmp_path: Path) -> None:
    traced = encoder_graph(model)
    write_encoder(traced, tmp_path)
    random = np.random.default_rng(6)
    feeds: dict[str, Array] = {"audio_tokens": random.standard_normal((1, 5, 12)).astype(np.float32)}
    feeds["tags"] = random.random((1, 7)).astype(np.float32)
    expected, found = run(traced, feeds), run(onnx.load(tmp_path / "encoder.onnx"), feeds)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert 0 < np.abs(found[name] - values).max() < 0.05 * np.abs(values).max()


def test_what_is_written_is_served(model: Captioner, tmp_path: Path) -> None:
    train(400).save(str(tmp_path / "tokenizer.json"))
    random = np.random.default_rng(1)
    heard = {"audio_tokens": random.standard_normal((9, 5, 12)), "tags": random.random((9, 7))}
    halves: dict[str, Array] = {name: value.astype(np.float32) for name, value in heard.items()}
    write(model, tmp_path / "tokenizer.json", halves, tmp_path / "1")
    _, generation, ladders = load_engine(tmp_path / "1", Options(threads=1))
    assert {length: ladder.sizes for length, ladder in ladders.items()} == {80: (1, 2, 4, 8, 16)}
    assert (generation.bos, generation.eos) == (START, END)
    assert FIRST_WORD < generation.vocabulary_size == SIZES.vocabulary
