"""Mappers that have not seen the rows they predict: what is trained on their rationales meets them as serving does.

The served mapper knows its training rows too well: its rationales of them are nearer to the teacher's than those of a
new picture ever are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.latent_mapper.network import Mapper
from training.latent_mapper.pairs import FOLDS, Batch, Pairs
from training.latent_mapper.train import STEPS, train


def crossed(pairs: Pairs, path: Path, steps: int = STEPS) -> Callable[[Batch], Tensor]:
    """From a batch of the pairs to its rationales (n, 384), each by a mapper that was trained without its fold.

    Args:
        pairs: The training rows.
        path: Where the mappers are kept; they are trained where there are none.
        steps: Of their training.
    """
    mappers = [Mapper().eval() for _ in range(FOLDS)]
    if path.exists():
        for mapper, weights in zip(mappers, torch.load(path, weights_only=True), strict=True):
            mapper.load_state_dict(weights)
    else:
        folds = pairs.fold.numpy()
        mappers = [train(pairs.take(np.flatnonzero(folds != fold)), steps)[0] for fold in range(FOLDS)]
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save([mapper.state_dict() for mapper in mappers], path)

    @torch.no_grad()
    def run(batch: Batch) -> Tensor:
        found = torch.empty_like(batch.rationale)
        for fold, mapper in enumerate(mappers):
            found[batch.fold == fold] = mapper(batch.visual[batch.fold == fold])
        return found

    return run
