"""A tiny denoiser learns, resumes and exports; the committed one is batch-invariant."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from luce.server.vocabulary import Attributes, vocabulary
from training.checkpoints import load_checkpoint, save_checkpoint
from training.image_generator.data import wish_of
from training.image_generator.decoder import Decoder
from training.image_generator.export import export_decoder, export_denoiser
from training.image_generator.model import Denoiser, DenoiserConfig
from training.image_generator.reader import KINDS, targets, train_reader
from training.image_generator.text import TextEncoder
from training.image_generator.warm_start import load_weights

TINY = DenoiserConfig(channels=(16, 16, 32), blocks=(1, 1, 1), attention=1, embedding=32, heads=2, pool=2)
SERVED = Path("model_repository/image_generator/1")


def inputs(batch: int, side: int, tokens: int = 64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    lengths = rng.integers(2, tokens + 1, batch)
    return {
        "sample": rng.standard_normal((batch, 3, side, side), dtype=np.float32),
        "timestep": rng.random(batch, dtype=np.float32),
        "encoder_hidden_states": rng.standard_normal((batch, tokens, 384), dtype=np.float32),
        "encoder_attention_mask": (np.arange(tokens)[None] < lengths[:, None]).astype(np.float32),
        "text_embeds": rng.standard_normal((batch, 384), dtype=np.float32) / 20,
    }


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def woken(model: torch.nn.Module) -> torch.nn.Module:
    """Fill the layers that start at zero, so that every path counts."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def test_a_few_steps_on_one_picture_bring_the_loss_down() -> None:
    torch.manual_seed(0)
    model = Denoiser(TINY)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    feeds = [torch.from_numpy(array) for array in inputs(4, 16, 8).values()]
    target = feeds[0] * 0.5
    losses = []
    for _ in range(25):
        loss = (model(*feeds) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_padding_does_not_change_the_prediction() -> None:
    model = woken(Denoiser(TINY)).eval()
    feeds = inputs(2, 16, 12)
    feeds["encoder_attention_mask"][:, 5:] = 0.0
    changed = dict(feeds)
    changed["encoder_hidden_states"] = feeds["encoder_hidden_states"].copy()
    changed["encoder_hidden_states"][:, 5:] = 9.0
    with torch.no_grad():
        one, other = (model(*(torch.from_numpy(array) for array in f.values())) for f in (feeds, changed))
    assert torch.allclose(one, other, atol=1e-5)


def test_exported_graphs_agree_with_torch_at_several_sizes(tmp_path: Path) -> None:
    denoiser, decoder = woken(Denoiser(TINY)).eval(), woken(Decoder(16, 2)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the legacy exporter announces its end and traces a few shape checks
        export_denoiser(denoiser, tmp_path / "denoiser.onnx")  # type: ignore[arg-type]
        export_decoder(decoder, tmp_path / "decoder.onnx")  # type: ignore[arg-type]
    for batch, side in ((1, 64), (3, 48), (2, 72)):
        feeds = inputs(batch, side, 32)
        with torch.no_grad():
            wanted = denoiser(*(torch.from_numpy(array) for array in feeds.values())).numpy()
            image = decoder(torch.from_numpy(feeds["sample"])).numpy()
        found = session(tmp_path / "denoiser.onnx").run(None, feeds)[0]
        assert np.abs(found - wanted).max() < 5e-3 * np.abs(wanted).max()
        drawn = session(tmp_path / "decoder.onnx").run(None, {"latents": feeds["sample"]})[0]
        assert drawn.shape == (batch, 3, 4 * side, 4 * side)
        assert np.abs(drawn - image).max() < 5e-3


def test_training_can_go_on_from_an_exported_graph(tmp_path: Path) -> None:
    model = Denoiser(TINY).eval()
    torch.manual_seed(2)
    for parameter in model.parameters():
        # As after training: no two norms are alike, which the exporter would store once.
        parameter.data.normal_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_denoiser(model, tmp_path / "denoiser.onnx")
        found = load_weights(tmp_path / "denoiser.onnx", TINY)
        with pytest.raises(ValueError, match="not those of the network"):
            load_weights(tmp_path / "denoiser.onnx", DenoiserConfig(channels=(8, 16, 32)))
    wanted = model.state_dict()
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.allclose(found[name], tensor, rtol=1e-3, atol=1e-6), name


def test_a_checkpoint_comes_back_as_it_was_in_small_files(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.randn(1024, 1024) for i in range(6)}
    for count in (1, 2):
        save_checkpoint(tmp_path / "run", tensors, {"seen": count})
    found = load_checkpoint(tmp_path / "run")
    assert found is not None
    assert found[1] == {"seen": 2}
    assert all(torch.equal(found[0][name], tensor) for name, tensor in tensors.items())
    assert max(path.stat().st_size for path in (tmp_path / "run").iterdir()) < 16e6
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("side", [48, 64])
def test_a_row_of_the_committed_denoiser_is_the_same_alone_and_in_company(side: int) -> None:
    feeds = inputs(8, side)
    denoiser = session(SERVED / "denoiser.onnx")
    alone = [denoiser.run(None, {name: array[i : i + 1] for name, array in feeds.items()})[0] for i in range(8)]
    for batch in range(2, 9):
        together = denoiser.run(None, {name: array[:batch] for name, array in feeds.items()})[0]
        assert np.array_equal(together, np.concatenate(alone[:batch]))


def test_a_row_of_the_committed_decoder_is_the_same_alone_and_in_company() -> None:
    latents = inputs(8, 64)["sample"]
    decoder = session(SERVED / "decoder.onnx")
    alone = [decoder.run(None, {"latents": latents[i : i + 1]})[0] for i in range(8)]
    for batch in range(2, 9):
        assert np.array_equal(decoder.run(None, {"latents": latents[:batch]})[0], np.concatenate(alone[:batch]))


def test_the_attribute_reader_learns_what_captions_say() -> None:
    encoder = TextEncoder()
    wishes = [wish_of(seed) for seed in range(600)]
    encoded = encoder([caption for _, caption in wishes])
    tokens = list(torch.from_numpy(encoded.states).split(encoded.lengths.tolist()))  # type: ignore[no-untyped-call]
    reader, right = train_reader(tokens, torch.stack([targets(*wish) for wish in wishes]), epochs=6)
    assert right > 0.35  # saying nothing is named would be right for 0.18
    assert not any(parameter.requires_grad for parameter in reader.parameters())


def test_a_caption_that_leaves_parts_out_is_labelled_so() -> None:
    wish = Attributes(scene="sea", time="night", moods=("serene", "dreamy"))
    said = targets(wish, "peaceful and dreamy open ocean")
    by_kind = dict(zip(KINDS, said, strict=True))
    assert by_kind["scene"][1 + list(vocabulary().entries("scene")).index("sea")] == 1.0
    assert by_kind["time"][0] == 1.0
    assert by_kind["mood"].max() == 0.5
