"""Writes configuration.md from the settings classes: `python docs/configuration.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gateway.settings import GatewaySettings  # noqa: E402 - run as a script, the checkout is not on the path
from luce.server.inference import TextEmbedderSettings  # noqa: E402
from luce.server.llm import LanguageModelSettings  # noqa: E402
from luce.server.media import MediaSettings  # noqa: E402
from luce.server.settings import (  # noqa: E402
    BusSettings,
    HostSettings,
    JobSettings,
    PostgresSettings,
    TelemetrySettings,
    TritonSettings,
)
from luce.server.sound.settings import SoundSettings  # noqa: E402
from services.agents.settings import AgentsSettings  # noqa: E402
from services.mapping.settings import MappingSettings  # noqa: E402

DOCUMENT: Final = ROOT / "docs" / "configuration.md"
CLASSES: Final[tuple[type[BaseSettings], ...]] = (
    GatewaySettings,
    AgentsSettings,
    MappingSettings,
    MediaSettings,
    SoundSettings,
    JobSettings,
    BusSettings,
    TritonSettings,
    TextEmbedderSettings,
    LanguageModelSettings,
    PostgresSettings,
    HostSettings,
    TelemetrySettings,
)
_INTRODUCTION: Final = """\
# Configuration

<!-- Written by docs/configuration.py from the settings classes; a test holds it up to date. -->

Servers are set up by environment variables, read once at their start; a value out of its range ends the process with a
message that names it. `luce up` passes every `LUCE_` variable of its own environment on to the servers that it starts,
with addresses of its own choice. Lists and numbers are written as in JSON.

The command line and the SDK read these:

| variable | meaning |
|---|---|
| `LUCE_SERVER` | HOST:PORT of the gateway's gRPC door. Left out: the running local stack, or `127.0.0.1:8081`. |
| `LUCE_API_KEY` | The API key that the command line sends. |
| `LUCE_HOME` | Folder of the local stack's state, logs and `run.json`. |
| `LUCE_MODEL_REPOSITORY` | Folder of models that the local stack serves. Left out: the checkout's own. |
"""


def document() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *("\n".join(_section(kind)) for kind in CLASSES)])


def _section(kind: type[BaseSettings]) -> Iterator[str]:
    prefix = kind.model_config["env_prefix"]
    summary = (kind.__doc__ or "").partition(" Environment:")[0].strip()
    yield f"## {prefix}*\n\n{summary}\n"
    yield "| variable | default | meaning |\n|---|---|---|"
    for name, field in kind.model_fields.items():
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{prefix}{name.upper()}` | {_told(field.get_default(call_default_factory=True))} | {meaning} |"
    yield ""


def _told(value: Any) -> str:
    """A default as one would write it into the environment."""
    if value is PydanticUndefined:
        return "(needed)"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        return f"`{value.relative_to(ROOT)}` in the checkout"
    if isinstance(value, tuple | list):
        value = f"[{', '.join(map(str, value))}]"
    return f"`{value}`" if value not in ("", {}, None) else ""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
