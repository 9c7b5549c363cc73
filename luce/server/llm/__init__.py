"""Language models behind the OpenAI chat API: a schema in, a checked object out, within a deadline.

Shape, in one look::

    model = LanguageModel(LanguageModelSettings(url="http://127.0.0.1:11434/v1", model="qwen3"))
    answer = await model.answer([Message("system", "..."), Message("user", "...")], Scene, deadline=20.0)
    answer.value                               # a Scene
    await model.close()

Whatever goes wrong is one exception, `LanguageModelFailed`, whose `reason` says what: callers fall back to their rules.
"""

from __future__ import annotations

from luce.server.llm.client import Answer, LanguageModel, Message
from luce.server.llm.failures import LanguageModelFailed, Reason
from luce.server.llm.settings import LanguageModelSettings

__all__ = ["Answer", "LanguageModel", "LanguageModelFailed", "LanguageModelSettings", "Message", "Reason"]
