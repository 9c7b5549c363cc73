"""Muon for matrices, Adam for the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(update: Tensor, steps: int = 4) -> Tensor:
    """The nearest half-orthogonal matrix, roughly, by Newton-Schulz steps (Jordan et al., 2024, "Muon")."""
    a, b, c = _COEFFICIENTS
    x = update.mT if update.shape[0] > update.shape[1] else update
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x.mT if update.shape[0] > update.shape[1] else x
    return found


@dataclass(frozen=True)
class Group:
    """Parameters that share a rule."""

    parameters: Sequence[nn.Parameter]
    rate: float
    muon: bool
    decay: float = 0.0


class Optimiser:
    """Both rules behind one `step`.

    Args:
        groups: every parameter once.
        momentum: of Muon.
        betas: of Adam.
    """

    def __init__(
        self, groups: Iterable[Group], momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.97)
    ) -> None:
        self.groups, self.momentum, self.betas = list(groups), momentum, betas
        self.first = {p: torch.zeros_like(p) for group in self.groups for p in group.parameters}
        self.second = {p: torch.zeros_like(p) for g in self.groups if not g.muon for p in g.parameters}
        self.steps = 0

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update with every rate times `factor`; gradients are cleared."""
        self.steps += 1
        for group in self.groups:
            for parameter in group.parameters:
                if parameter.grad is None:
                    continue
                rate = group.rate * factor
                if group.decay:
                    parameter.mul_(1 - rate * group.decay)
                parameter.add_(self._direction(parameter, parameter.grad, muon=group.muon), alpha=-rate)
                parameter.grad = None

    def _direction(self, parameter: nn.Parameter, gradient: Tensor, *, muon: bool) -> Tensor:
        first = self.first[parameter]
        if muon:
            first.lerp_(gradient, 1 - self.momentum)
            rows, columns = parameter.shape
            return orthogonalised(gradient.lerp(first, self.momentum)) * math.sqrt(max(1.0, rows / columns))
        second = self.second[parameter]
        first.lerp_(gradient, 1 - self.betas[0])
        second.lerp_(gradient.square(), 1 - self.betas[1])
        mean = first / (1 - self.betas[0] ** self.steps)
        found: Tensor = mean / ((second / (1 - self.betas[1] ** self.steps)).sqrt() + 1e-8)
        return found
