"""Descriptions and parameters that make no sense are refused when a model is loaded, not when it is used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backends.diffusion.errors import PipelineError
from backends.diffusion.loading import Options, load_engine
from backends.diffusion.pipeline import load_pipeline


def broken(source: Path, target: Path, **changes: Any) -> Path:
    shutil.copytree(source, target)
    path = target / "pipeline.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return target


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"schedulers": ["magic"]}, "no scheduler magic"),
        ({"default_scheduler": "ddim"}, "default_scheduler 'ddim'"),
        ({"denoiser": {"graph": "denoiser.onnx", "prediction_type": "guess"}}, "prediction_type 'guess'"),
        ({"denoiser": {"graph": "decoder.onnx", "prediction_type": "velocity"}}, "no tensor sample"),
        ({"negative_prompt": "none"}, "negative_prompt 'none'"),
        ({"text_encoders": []}, "neither text_encoders"),
        ({"shift": 0}, "shift 0"),
        ({"steps": {"min": 1}}, "TypeError"),
    ],
)
def test_a_broken_description_is_refused_with_its_reason(
    tiny_repository: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = broken(tiny_repository / "tiny_flow" / "1", tmp_path / "1", **changes)
    with pytest.raises(PipelineError, match=words):
        load_engine(folder, Options(threads=1))


def test_a_missing_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"pipeline\.json"):
        load_pipeline(tmp_path / "pipeline.json")


def parameters(**values: str) -> str:
    return json.dumps({"parameters": {name: {"string_value": value} for name, value in values.items()}})


def test_parameters_of_the_configuration_are_read() -> None:
    options = Options.parse(parameters(max_rows="4", max_running="3", max_waiting="0", scheduling="run_to_completion"))
    assert (options.max_rows, options.limits.running, options.limits.waiting) == (4, 3, 0)
    assert options.scheduling == "run_to_completion"
    assert Options.parse("{}") == Options()


def test_the_environment_overrides_the_scheduling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_DIFFUSION_SCHEDULING", "run_to_completion")
    assert Options.parse("{}").scheduling == "run_to_completion"


@pytest.mark.parametrize(
    "values", [{"max_rows": "1"}, {"max_running": "0"}, {"scheduling": "later"}, {"max_rows": "x"}]
)
def test_parameters_without_sense_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(PipelineError):
        Options.parse(parameters(**values))
