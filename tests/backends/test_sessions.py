"""Threads from one budget, providers by kind of device."""

from __future__ import annotations

import pytest

from backends.sessions import providers, thread_budget

GPU = ["CPUExecutionProvider", "CUDAExecutionProvider"]


def test_the_budget_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCE_TRITON_THREADS", "3")
    assert thread_budget() == 3


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_budget_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LUCE_TRITON_THREADS", text)
    with pytest.raises(ValueError, match="LUCE_TRITON_THREADS"):
        thread_budget()


def test_a_gpu_instance_prefers_the_gpu_and_falls_back_to_the_processor() -> None:
    assert providers("GPU", 1, GPU) == [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]
    assert providers("CPU", 0, GPU) == ["CPUExecutionProvider"]
