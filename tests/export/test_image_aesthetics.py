"""The aesthetic predictor: the graph against torch at small sizes, and the service that asks it on the real Triton.

The published weights (1.2 GB) are not at hand here: the real classes run with random ones.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import pytest_asyncio
import torch
from safetensors.numpy import save_file

from export.image_aesthetics.__main__ import CONFIG
from export.image_aesthetics.graph import HEAD, TowerShape, build, fold
from export.image_aesthetics.reference import ReferencePredictor
from export.image_aesthetics.weights import WrongWeights, read_head, read_tower
from export.text_encoder.graph import Array
from luce.emotion import Emotion
from luce.errors import ServiceError
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.vision import AestheticJudge, PictureReader
from luce.server.vision.aesthetics import crop
from services.agents.measuring import Meant, PictureCritic
from tests.fixtures.triton import REPOSITORY, TritonServer

pytestmark = pytest.mark.timeout(180)

SMALL = TowerShape(layers=2, width=24, heads=3, patch=56, side=224, embedding=16)
WIDTHS = (SMALL.embedding, 8, 6, 5, 4, 1)
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype(np.uint8)


def tower() -> dict[str, Array]:
    random = np.random.default_rng(1)

    def drawn(*shape: int) -> Array:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    width = SMALL.width
    found = {
        "vision_model.embeddings.class_embedding": drawn(width),
        "vision_model.embeddings.patch_embedding.weight": drawn(width, 3, SMALL.patch, SMALL.patch) * 0.05,
        "vision_model.embeddings.position_embedding.weight": drawn(SMALL.patches + 1, width),
        "visual_projection.weight": drawn(SMALL.embedding, width),
    }
    sizes = {f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")}
    sizes |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
    norms = ["vision_model.pre_layrnorm", "vision_model.post_layernorm"]
    for index in range(SMALL.layers):
        prefix = f"vision_model.encoder.layers.{index}"
        norms += [f"{prefix}.layer_norm1", f"{prefix}.layer_norm2"]
        for name, shape in sizes.items():
            found |= {f"{prefix}.{name}.weight": drawn(*shape), f"{prefix}.{name}.bias": drawn(shape[0])}
    for name in norms:
        found |= {f"{name}.weight": 1 + drawn(width), f"{name}.bias": drawn(width)}
    return found


def head() -> dict[str, Array]:
    random = np.random.default_rng(2)
    found = {}
    for name, inner, outer in zip(HEAD, WIDTHS, WIDTHS[1:], strict=False):
        found[f"{name}.weight"] = random.standard_normal((outer, inner)).astype(np.float32)
        found[f"{name}.bias"] = random.standard_normal(outer).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        build(tower(), head(), SMALL).SerializeToString(), providers=["CPUExecutionProvider"]
    )


def test_the_graph_scores_as_torch_does(session: onnxruntime.InferenceSession) -> None:
    expected = ReferencePredictor(tower(), head(), SMALL).score(PICTURES)
    (found,) = session.run(["score"], {"pixels": PICTURES})
    assert found.shape == expected.shape == (3, 1)
    assert np.ptp(expected) > 0.05
    assert found == pytest.approx(expected, abs=2e-4)


def test_a_picture_scores_the_same_alone_and_beside_others(session: onnxruntime.InferenceSession) -> None:
    (together,) = session.run(["score"], {"pixels": PICTURES})
    for index in range(3):
        (alone,) = session.run(["score"], {"pixels": PICTURES[index : index + 1]})
        assert alone[0] == pytest.approx(together[index], abs=1e-5)


def test_the_layers_of_the_head_are_one_linear_function() -> None:
    values = np.random.default_rng(3).standard_normal((5, SMALL.embedding)).astype(np.float32)
    weight, bias = fold(head())
    states = torch.from_numpy(values)
    for name in HEAD:
        states = states @ torch.from_numpy(head()[f"{name}.weight"]).T + torch.from_numpy(head()[f"{name}.bias"])
    assert values @ weight.T + bias == pytest.approx(states.numpy(), rel=1e-4, abs=1e-4)


def test_the_published_files_are_read_and_others_are_refused(tmp_path: Path) -> None:
    text = {"text_model.final_layer_norm.weight": np.ones(4, np.float32)}
    save_file(tower() | text, tmp_path / "clip.safetensors")
    read = read_tower(tmp_path / "clip.safetensors", SMALL)
    assert read.keys() == tower().keys()
    with pytest.raises(WrongWeights, match=r"visual_projection\.weight has the shape \(16, 24\)"):
        read_tower(tmp_path / "clip.safetensors")
    torch.save({name: torch.from_numpy(value) for name, value in head().items()}, tmp_path / "head.pth")
    assert read_head(tmp_path / "head.pth", SMALL.embedding).keys() == head().keys()
    with pytest.raises(WrongWeights, match=r"layers\.0\.weight has the shape"):
        read_head(tmp_path / "head.pth")
    torch.save({"layers.0.weight": torch.zeros(8, 16), "layers.0.bias": torch.zeros(8)}, tmp_path / "short.pth")
    with pytest.raises(WrongWeights, match=r"layers\.2\.weight is missing"):
        read_head(tmp_path / "short.pth", SMALL.embedding)


def test_the_middle_of_a_picture_is_what_is_judged() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 200
    assert crop(wide).shape == (224, 224, 3)
    assert (crop(wide)[:, 4:-4] == 200).all()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    repository = tmp_path_factory.mktemp("repository")
    for name in ("image_encoder", "image_emotion"):
        shutil.copytree(REPOSITORY / name, repository / name)
    (repository / "image_aesthetics" / "1").mkdir(parents=True)
    (repository / "image_aesthetics" / "config.pbtxt").write_text(CONFIG)
    (repository / "image_aesthetics" / "1" / "model.onnx").write_bytes(
        build(tower(), head(), SMALL).SerializeToString()
    )
    names = ("image_encoder", "image_emotion", "image_aesthetics")
    triton = TritonServer(repository, tmp_path_factory.mktemp("triton"), names)
    triton.start()
    yield triton
    triton.stop()


@pytest_asyncio.fixture
async def client(server: TritonServer) -> AsyncIterator[InferenceClient]:
    inference = InferenceClient(server.settings)
    yield inference
    await inference.close()


async def test_pictures_are_told_their_score_where_the_server_has_the_model(client: InferenceClient) -> None:
    reader, embedder = PictureReader(client), TextEmbedder(client)
    critic = PictureCritic(reader, embedder, judge=AestheticJudge(client))
    pictures = [PICTURES[0], PICTURES[1][:180, :200]]
    meant = [Meant(Emotion(0.2, 0.1), False, np.eye(384, dtype=np.float32)[0], None)] * 2
    expected = ReferencePredictor(tower(), head(), SMALL).score(np.stack([crop(picture) for picture in pictures]))
    for found, score in zip(await critic.measure(pictures, meant), expected[:, 0], strict=True):
        assert found.told.aesthetic == pytest.approx(float(score), abs=1e-3)
        assert ("image_aesthetics", "1") in found.models
    for plain in await PictureCritic(reader, embedder).measure(pictures, meant):
        assert not plain.told.HasField("aesthetic")


async def test_more_pictures_than_one_call_takes_are_scored_in_several(client: InferenceClient) -> None:
    scores, version = await AestheticJudge(client).score([PICTURES[index % 3] for index in range(19)])
    assert version == "1"
    assert scores[:3] == pytest.approx(scores[15:18], abs=1e-3)


async def test_a_server_without_the_model_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    triton = TritonServer(REPOSITORY, tmp_path_factory.mktemp("triton"), ("image_emotion",))
    triton.start()
    inference = InferenceClient(triton.settings)
    try:
        with pytest.raises(ServiceError, match="image_aesthetics"):
            await AestheticJudge(inference, 5.0).score([PICTURES[0]])
    finally:
        await inference.close()
        triton.stop()
