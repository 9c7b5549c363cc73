"""The exported sentence encoder: true to the published weights, and deaf to a text's company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from export.text_encoder import measure
from export.text_encoder.graph import Array, BertShape, build, quantize_blocks, quantize_rows

pytestmark = pytest.mark.timeout(120)

MODEL = Path(__file__).resolve().parents[2] / "model_repository" / "text_encoder" / "1"
REFERENCE = Path(__file__).with_name("text_encoder_reference.npy")
TEXTS = measure.texts()


@pytest.fixture(scope="module")
def model() -> onnxruntime.InferenceSession:
    return measure.session(MODEL / "model.onnx")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODEL / "tokenizer.json"))


def feeds(tokenizer: Tokenizer, texts: list[str], length: int) -> dict[str, Array]:
    ids, mask = np.zeros((len(texts), length), np.int64), np.zeros((len(texts), length), np.int64)
    for row, text in enumerate(texts):
        encoded = tokenizer.encode(text)
        count = sum(encoded.attention_mask)
        assert count <= length
        ids[row, :count], mask[row, :count] = encoded.ids[:count], 1
    return {"input_ids": ids, "attention_mask": mask}


def test_the_committed_embeddings_agree_with_the_published_float32_weights(
    model: onnxruntime.InferenceSession, tokenizer: Tokenizer
) -> None:
    found = measure.agreement(measure.encode(model, tokenizer, TEXTS), np.load(REFERENCE))
    assert found.cosine_min >= 0.99
    assert found.cosine_mean >= 0.999
    assert found.pair_error <= 0.02


def test_similar_texts_lie_nearer_than_unrelated_ones(
    model: onnxruntime.InferenceSession, tokenizer: Tokenizer
) -> None:
    rows = ["a calm sea at dusk", "quiet ocean in the evening", "the quarterly report shows revenue"]
    vectors = measure.encode(model, tokenizer, rows)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


@settings(max_examples=25, deadline=None)
@given(picks=st.lists(st.sampled_from(TEXTS), min_size=2, max_size=32))
def test_a_text_gives_the_same_bytes_alone_and_in_any_batch(
    model: onnxruntime.InferenceSession, tokenizer: Tokenizer, picks: list[str]
) -> None:
    batch = feeds(tokenizer, picks, 64)
    together = model.run(None, batch)
    for row in {0, len(picks) // 2, len(picks) - 1}:
        alone = model.run(None, {name: value[row : row + 1] for name, value in batch.items()})
        for one, many in zip(alone, together, strict=True):
            assert one[0].tobytes() == many[row].tobytes()


@settings(max_examples=25, deadline=None)
@given(text=st.sampled_from(TEXTS), extra=st.integers(0, 8))
def test_a_text_gives_the_same_bytes_at_every_padding_to_a_multiple_of_16(
    model: onnxruntime.InferenceSession, tokenizer: Tokenizer, text: str, extra: int
) -> None:
    shortest = len(tokenizer.encode_batch([text])[0].ids)
    assert shortest % 16 == 0
    near = model.run(None, feeds(tokenizer, [text], shortest))
    far = model.run(None, feeds(tokenizer, [text], shortest + 16 * extra))
    assert near[0].tobytes() == far[0].tobytes()
    assert near[1][0].tobytes() == far[1][0, :shortest].tobytes()
    assert not far[1][0, shortest:].any()


def test_any_other_padding_differs_by_float_rounding_alone(
    model: onnxruntime.InferenceSession, tokenizer: Tokenizer
) -> None:
    for text in TEXTS:
        count = sum(tokenizer.encode(text).attention_mask)
        tight = model.run(["sent_emb"], feeds(tokenizer, [text], count))[0]
        padded = model.run(["sent_emb"], feeds(tokenizer, [text], -(-count // 16) * 16))[0]
        np.testing.assert_allclose(tight, padded, atol=1e-6)


def test_two_threads_give_the_bytes_of_one(model: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
    batch = feeds(tokenizer, TEXTS[:8], 64)
    for one, two in zip(model.run(None, batch), measure.session(MODEL / "model.onnx", 2).run(None, batch), strict=True):
        assert one.tobytes() == two.tobytes()


def test_a_text_of_padding_alone_gives_the_zero_vector(model: onnxruntime.InferenceSession) -> None:
    empty = np.zeros((1, 16), np.int64)
    vector, states, middle = model.run(None, {"input_ids": empty, "attention_mask": empty})
    assert not vector.any()
    assert not states.any()
    assert not middle.any()


def test_long_texts_are_cut_at_256_tokens(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("word " * 1000).ids) == 256


def random_weights(seed: int, vocabulary: int = 50, width: int = 384) -> dict[str, Array]:
    """A checkpoint of the right names and shapes with random values and one embedding table of 50 words."""
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> Array:
        return (generator.standard_normal(shape) * 0.1).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": draw(vocabulary, width),
        "embeddings.position_embeddings.weight": draw(64, width),
        "embeddings.token_type_embeddings.weight": draw(2, width),
        "embeddings.LayerNorm.weight": 1 + draw(width),
        "embeddings.LayerNorm.bias": draw(width),
    }
    for layer in range(BertShape().layers):
        for name, rows, columns in (
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", 4 * width, width),
            ("output.dense", width, 4 * width),
        ):
            weights[f"encoder.layer.{layer}.{name}.weight"] = draw(rows, columns)
            weights[f"encoder.layer.{layer}.{name}.bias"] = draw(rows)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"encoder.layer.{layer}.{name}.weight"] = 1 + draw(width)
            weights[f"encoder.layer.{layer}.{name}.bias"] = draw(width)
    return weights


@pytest.fixture(scope="module")
def drawn() -> dict[str, Array]:
    return random_weights(3)


def run(graph: onnx.ModelProto, batch: dict[str, Array]) -> Array:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    result: Array = session.run(["sent_emb"], batch)[0]
    return result


def test_the_graph_computes_what_an_independent_torch_encoder_computes(drawn: dict[str, Array]) -> None:
    from export.text_encoder.reference import ReferenceEncoder

    generator = np.random.default_rng(4)
    batch = {"input_ids": generator.integers(0, 50, (4, 32)), "attention_mask": np.ones((4, 32), np.int64)}
    batch["attention_mask"][1, 9:] = 0
    batch["attention_mask"][2, 20:] = 0
    expected = ReferenceEncoder(drawn).encode(batch["input_ids"], batch["attention_mask"])
    np.testing.assert_allclose(run(build(drawn, quantize=False), batch), expected, atol=2e-6)


def test_quantising_random_weights_keeps_the_direction_of_the_embeddings(drawn: dict[str, Array]) -> None:
    generator = np.random.default_rng(5)
    batch = {"input_ids": generator.integers(0, 50, (4, 32)), "attention_mask": np.ones((4, 32), np.int64)}
    full, quantised = (run(build(drawn, quantize=flag), batch) for flag in (False, True))
    assert ((full * quantised).sum(axis=1) > 0.99).all()


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-6, 1e6))
@settings(max_examples=30, deadline=None)
def test_quantised_weights_are_within_half_a_step_of_the_originals(seed: int, scale: float) -> None:
    weight = (np.random.default_rng(seed).standard_normal((6, 64)) * scale).astype(np.float32)
    values, scales = quantize_blocks(weight)
    restored = ((values.astype(np.float32) - 128) * scales[:, :, None]).reshape(weight.shape)
    assert (np.abs(restored - weight) <= 0.501 * np.repeat(scales, 32, axis=1)).all()
    rows, row_scales = quantize_rows(weight)
    assert (np.abs(rows * row_scales - weight) <= 0.501 * row_scales).all()


def test_a_row_of_zeros_is_quantised_to_zeros() -> None:
    values, scales = quantize_blocks(np.zeros((1, 32), np.float32))
    assert (values == 128).all()
    assert np.isfinite(scales).all()


def test_an_inner_size_that_is_not_a_multiple_of_32_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        quantize_blocks(np.zeros((4, 33), np.float32))
