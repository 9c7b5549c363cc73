"""The metre network as it is trained and as it is served."""

from __future__ import annotations

import numpy as np
import torch

from luce.server.music.metre_network import CLIP, MetreNetwork
from training.metre.dataset import Example, made_up_stretches, spoiled_examples
from training.metre.network import MetreNet, Sizes
from training.metre.train import Draws, fit, joined, loss_of

SMALL = Sizes(width=8, depth=3, known=6, hidden=10)


def examples(count: int = 12) -> list[Example]:
    generator = np.random.default_rng(0)
    return list(spoiled_examples(made_up_stretches(generator, count), generator, 0.5))


def test_numpy_and_torch_say_the_same() -> None:
    torch.manual_seed(0)
    network = MetreNet(SMALL).eval()
    rows = examples(2)
    mean, scale = rows[0].features, np.full_like(rows[0].features, 0.5)
    parameters = {name: value.detach().numpy() for name, value in network.named_parameters()}
    served = MetreNetwork(parameters | {"mean": mean, "scale": scale})
    for row in rows:
        layout = row.layout.astype(np.float32)
        features = np.clip((row.features - mean) / scale, -CLIP, CLIP)
        with torch.no_grad():
            expected, _ = network(
                torch.from_numpy(layout)[None],
                torch.ones(1, layout.shape[1] // 2),
                torch.from_numpy(features)[None],
            )
        assert np.allclose(served(layout, row.features), expected[0].numpy(), atol=2e-4)


def test_what_lies_behind_the_end_of_a_piece_does_not_matter() -> None:
    torch.manual_seed(0)
    network = MetreNet(SMALL).eval()
    layout, mask, features, *_ = Draws(examples(4), 0)(2, crop=200)
    assert (mask[:, -1] == 0).all()
    with torch.no_grad():
        longer, _ = network(layout, mask, features)
        size = int(mask[0].sum())
        alone, _ = network(layout[:1, :, : 2 * size], mask[:1, :size], features[:1])
    assert torch.allclose(longer[0], alone[0], atol=1e-4)


def test_training_lowers_the_loss_and_gives_weights_that_are_served() -> None:
    rows = examples()
    torch.manual_seed(0)
    batch = Draws(rows, 1)(32)
    before = loss_of(MetreNet(SMALL), batch).item()
    weights = fit(rows, 0, sizes=SMALL, steps=60)
    network = MetreNet(SMALL).eval()
    network.load_state_dict({n: torch.from_numpy(v) for n, v in weights.items() if n not in ("mean", "scale")})
    assert loss_of(network, batch).item() < before - 0.3
    kept = joined([weights])
    served = MetreNetwork({name.removeprefix("0."): value for name, value in kept.items()})
    assert served(rows[0].layout.astype(np.float32), rows[0].features).shape == (12,)
