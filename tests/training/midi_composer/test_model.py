"""The composer learns, remembers the same in one step as in all, and exports what it learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from luce.server.music.composing.controls import CONTROL_SIZE, Controls
from luce.server.music.composing.score import BASS, HARMONY, MELODY, Score
from luce.server.music.composing.tokens import END, encode
from training.midi_composer import counts
from training.midi_composer.context import FACTS, STATE_SIZE, Memory, facts, features
from training.midi_composer.export import export
from training.midi_composer.model import Composer, ComposerConfig
from training.midi_composer.optimiser import Group, Optimiser
from training.midi_composer.warm_start import load_weights

TINY = ComposerConfig(width=16, layers=2, heads=2, hidden=24)


def piece(bars: int = 6) -> np.ndarray:
    """Bass, chord and melody, the same two bars again and again."""
    onset: list[int] = []
    length: list[int] = []
    pitch: list[int] = []
    role: list[int] = []
    for bar in range(bars):
        for place, tone in ((0, 60), (4, 64), (6, 65), (8, 67 - bar % 2)):
            onset += [16 * bar + place]
            length, pitch, role = [*length, 2], [*pitch, tone + 12], [*role, MELODY]
        onset += [16 * bar, 16 * bar + 8]
        length, pitch, role = [*length, 8, 8], [*pitch, 36, 52], [*role, BASS, HARMONY]
    return np.array(encode(Score.sorted(0, bars, onset=onset, length=length, pitch=pitch, role=role)), np.int64)


def woken(composer: Composer) -> Composer:
    """Every weight some noise, so that each of them counts and none is another's twin."""
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in composer.state_dict().values():
            tensor.copy_(torch.randn(tensor.shape) * 0.2)
    return composer.eval()


def test_what_is_kept_in_mind_step_by_step_is_what_the_whole_piece_says() -> None:
    tokens, memory, state = piece(), Memory(), torch.zeros(1, STATE_SIZE)
    expected = features(tokens)
    for index, token in enumerate(tokens):
        found, state = memory(torch.tensor([token]), state)
        assert found[0].tolist() == expected[index].tolist()


def test_what_stood_here_last_and_the_next_onset_come_from_the_bar_before() -> None:
    tokens = piece()
    rows = features(tokens)
    second = int(np.flatnonzero(tokens == tokens[1] - 1)[0])
    assert rows[second, 10] > 0
    assert rows[second + 1, 11] == rows[second + 1, 11].max() > 0


def test_facts_are_what_is_asked_and_nothing_is_zero() -> None:
    asked = Controls(mode=-1, density=3.5, style="game").vector()
    found = facts(torch.from_numpy(np.stack([asked, np.zeros(CONTROL_SIZE, np.float32)])))
    assert dict(zip(FACTS, found[0].tolist(), strict=True)) == {
        "mode": 1,
        "brightness": 0,
        "density": 5,
        "length": 0,
        "register": 0,
        "texture": 0,
        "style": 2,
    }
    assert not found[1].any()


def test_counts_alone_know_a_piece_they_have_counted_better_than_chance() -> None:
    tokens = piece(8)
    table, base = counts.count([tokens] * 4, np.zeros((4, CONTROL_SIZE), np.float32))
    composer = Composer(TINY)
    composer.prior.table.copy_(torch.from_numpy(table))
    composer.prior.base.copy_(torch.from_numpy(base))
    known = torch.from_numpy(features(tokens))
    logits = composer.prior(known[1:], torch.zeros(len(tokens) - 1, len(FACTS), dtype=torch.int64))
    following = torch.from_numpy(np.append(tokens[2:], END))
    assert functional.cross_entropy(logits, following) < 1.0


def test_a_few_steps_bring_the_loss_down() -> None:
    torch.manual_seed(0)
    composer = Composer(TINY)
    composer.scale.data.fill_(1.0)
    matrices = [p for p in composer.blocks.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    others = [p for p in composer.parameters() if id(p) not in inside]
    optimiser = Optimiser([Group(matrices, 0.02, muon=True), Group(others, 0.01, muon=False)])
    tokens = piece()
    known = torch.from_numpy(features(tokens))[None]
    losses = []
    for _ in range(40):
        style = composer.encoder(torch.zeros(1, 3), torch.zeros(1, CONTROL_SIZE), torch.zeros(1, 384))
        logits = composer(known[:, :-1], style, torch.zeros(1, len(FACTS), dtype=torch.int64))
        loss = functional.cross_entropy(logits[0], torch.from_numpy(tokens[1:]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.filterwarnings("ignore")
def test_the_exported_step_says_what_the_network_says_and_gives_its_weights_back(tmp_path: Path) -> None:
    composer = woken(Composer(TINY))
    export(composer, tmp_path)
    asked = [torch.randn(1, size) for size in (3, CONTROL_SIZE, 384)]
    encoder = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    names = ("emotion", "controls", "embedding")
    style, told = encoder.run(None, {name: part.numpy() for name, part in zip(names, asked, strict=True)})
    tokens = piece(3)
    with torch.no_grad():
        expected = composer(torch.from_numpy(features(tokens))[None], composer.encoder(*asked), facts(asked[1]))[0]
    specs = json.loads((tmp_path / "generation.json").read_text())["cache"]["tensors"]
    decoder = onnxruntime.InferenceSession(str(tmp_path / "decoder.onnx"), providers=["CPUExecutionProvider"])
    cache = {s["input"]: np.zeros((1, *(128 if n == "time" else n for n in s["shape"])), np.float32) for s in specs}
    for index, token in enumerate(tokens):
        feeds = {"tokens": np.array([[token]]), "position": np.array([index]), "style": style, "facts": told}
        logits, *entries = decoder.run(None, {**feeds, **cache})
        np.testing.assert_allclose(logits[0, 0], expected[index].numpy(), atol=1e-3)
        for spec, entry in zip(specs, entries, strict=True):
            axis = spec["shape"].index("time")
            np.moveaxis(cache[spec["input"]][0], axis, 0)[index] = entry[0]
    for name, tensor in load_weights(tmp_path, TINY).items():
        np.testing.assert_allclose(tensor.float(), composer.state_dict()[name].float(), atol=1e-6)
