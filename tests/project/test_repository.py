"""The repository keeps its own rules."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_hand_written_module_passes_500_lines() -> None:
    files = [path for path in tracked("*.py") if not path.is_relative_to(ROOT / "luce" / "v1")]
    assert files
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}


def test_the_weights_together_stay_under_100_megabytes() -> None:
    weights = tracked("model_repository/*.onnx")
    assert weights
    assert sum(path.stat().st_size for path in weights) < 100e6


def test_every_model_has_a_card_and_a_configuration() -> None:
    models = [path for path in (ROOT / "model_repository").iterdir() if path.is_dir()]
    assert {path.name for path in models} >= {"text_encoder", "music_emotion", "image_generator"}
    for model in models:
        assert (model / "config.pbtxt").is_file(), f"{model.name} has no config.pbtxt"
        card = (model / "README.md").read_text().lower()
        for word in ("licence", "data", "retrain"):
            assert word in card, f"the card of {model.name} says nothing of {word}"


def test_the_model_repository_holds_no_code() -> None:
    assert tracked("model_repository/*.py") == []


def test_the_lock_names_versions_and_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert lines
    for line in lines:
        assert re.match(r"^[A-Za-z0-9_.\-\[\]]+==[^ ]+( ;.*)?$", line), line


def test_every_extra_that_the_readme_of_the_package_promises_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"server", "local", "export", "train", "dev"} <= set(project["optional-dependencies"])
    assert [requirement.split(">")[0] for requirement in project["dependencies"]] == ["grpcio", "protobuf"]


@pytest.mark.parametrize(
    "target", ["help", "setup", "demo", "up", "down", "test", "test-all", "lint", "type", "proto", "bench"]
)
def test_the_makefile_has_the_target_with_its_help(target: str) -> None:
    assert re.search(rf"^{target}:.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_tools_from_npm_are_pinned() -> None:
    tools = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert tools
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in tools.values())
