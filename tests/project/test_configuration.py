"""docs/configuration.md tells every setting, as the code has it."""

from __future__ import annotations

import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """docs/configuration.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_configuration", ROOT / "docs" / "configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_settings_say(writer: ModuleType) -> None:
    told = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert told == writer.document(), "run python docs/configuration.py"


def test_the_page_names_no_path_of_this_machine(writer: ModuleType) -> None:
    assert str(ROOT) not in writer.document()


def test_every_settings_class_of_a_server_is_on_the_page(writer: ModuleType) -> None:
    for package in ("gateway", "services", "luce/server"):
        for folder in [ROOT / package, *(path for path in (ROOT / package).rglob("*") if path.is_dir())]:
            for module in pkgutil.iter_modules([str(folder)]):
                if module.name.endswith("settings"):
                    __import__(".".join([*folder.relative_to(ROOT).parts, module.name]))
    found = {
        kind for kind in BaseSettings.__subclasses__() if kind.__module__.startswith(("gateway", "services", "luce"))
    }
    assert found
    assert found == set(writer.CLASSES)


def test_every_setting_has_a_meaning(writer: ModuleType) -> None:
    for kind in writer.CLASSES:
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
