"""The graphs that serve are the networks that were trained, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from backends.diffusion.pipeline import NoiseSchedule, load_pipeline
from backends.diffusion.schedulers.trajectory import alphas_cumprod
from training.embed_diffusion.export import export
from training.embed_diffusion.network import Denoiser, decoder_graph, denoiser_graph
from training.embed_diffusion.schedule import kept_variance
from training.embed_diffusion.train import State, learning_rate
from training.latent_mapper.network import WIDTH, Mapper, graph

ROWS = 12


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def unit(seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(ROWS, WIDTH)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    torch.manual_seed(1)
    model = Denoiser().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "modulation.weight" in name:
                weight.normal_(0.0, 0.05)
    return model


def inputs() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype(np.float32)
    steps = np.linspace(0, 999, ROWS).round().astype(np.float32)
    return {"sample": noise, "timestep": steps, "visual": unit(4), "rationale": unit(5)}


def test_the_denoisers_graph_computes_what_the_network_does(denoiser: Denoiser) -> None:
    feeds = inputs()
    with torch.no_grad():
        expected = denoiser(*(torch.from_numpy(feeds[name]) for name in ("sample", "timestep", "visual", "rationale")))
    found = session(denoiser_graph(denoiser)).run(None, feeds)[0]
    error = np.linalg.norm(found - expected.numpy()) / np.linalg.norm(expected.numpy())
    assert error < 0.04, "8-bit weights and activations round, no more"


def test_time_and_conditions_matter_to_the_denoiser(denoiser: Denoiser) -> None:
    run = session(denoiser_graph(denoiser))
    plain = run.run(None, inputs())[0]
    for name in ("timestep", "visual", "rationale"):
        changed = inputs()
        changed[name] = np.roll(changed[name], 1, axis=0)
        assert np.abs(run.run(None, changed)[0] - plain).max() > 1e-3, name


def test_a_row_of_either_graph_gives_the_same_bytes_alone_and_in_company(denoiser: Denoiser) -> None:
    torch.manual_seed(2)
    visual = {"visual": unit(6)}
    for model, feeds in ((graph(Mapper().eval()), visual), (denoiser_graph(denoiser), inputs())):
        run = session(model)
        together = run.run(None, feeds)[0]
        for row in (0, 5, ROWS - 1):
            alone = run.run(None, {name: values[row : row + 1] for name, values in feeds.items()})[0]
            assert alone.tobytes() == together[row : row + 1].tobytes()


def test_the_mappers_graph_computes_what_the_network_does() -> None:
    torch.manual_seed(2)
    mapper = Mapper().eval()
    with torch.no_grad():
        expected = mapper(torch.from_numpy(unit(6))).numpy()
    found = session(graph(mapper)).run(None, {"visual": unit(6)})[0]
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 0.04


def test_the_decoder_undoes_the_standardisation_and_ends_at_length_one() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=WIDTH).astype(np.float32), rng.uniform(0.1, 1, WIDTH).astype(np.float32)
    clean = unit(7)
    latents = ((clean - mean) / deviation).astype(np.float32)
    found = session(decoder_graph(mean, deviation)).run(None, {"latents": latents})[0]
    np.testing.assert_allclose(found, clean, atol=1e-5)


def test_the_schedule_is_the_one_that_is_served() -> None:
    served = alphas_cumprod(NoiseSchedule(betas="cosine", train_steps=1000))
    np.testing.assert_array_equal(kept_variance(), served)


def test_an_export_is_a_pipeline_that_the_backend_reads(tmp_path: Path, denoiser: Denoiser) -> None:
    export(State(denoiser, denoiser, torch.zeros(WIDTH), torch.ones(WIDTH)), tmp_path)
    pipeline = load_pipeline(tmp_path / "pipeline.json")
    assert pipeline.latent_shape == (WIDTH,)
    assert pipeline.noise_schedule.betas == "cosine"
    assert pipeline.denoiser.exists()
    with pytest.raises(ValueError, match="diffusion"):
        export(State(Mapper(), Mapper(), torch.zeros(WIDTH), torch.ones(WIDTH)), tmp_path)


def test_the_learning_rate_warms_up_and_fades() -> None:
    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] < rates[50] < rates[99] > rates[500] > rates[999] > 0.0
