"""Checkpoints as folders of small files, so that they travel anywhere and are never half written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PART_BYTES = 15 * 2**20
"""Largest part file."""


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors in parts of at most `PART_BYTES` (or one tensor) and a JSON state, in place of an older one."""
    fresh, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    part: dict[str, Tensor] = {}
    held = number = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if part and held + size > PART_BYTES:
            torch.save(part, fresh / f"part_{number:03d}.pt")
            part, held, number = {}, 0, number + 1
        part[name] = tensor.detach().cpu().clone()
        held += size
    torch.save(part, fresh / f"part_{number:03d}.pt")
    (fresh / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state of a checkpoint, or None where there is none."""
    if not (folder / "state.json").exists():
        return None
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob("part_*.pt")):
        tensors.update(torch.load(path, map_location="cpu", weights_only=True))
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return tensors, state
