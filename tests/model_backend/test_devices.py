"""Where to compute."""

from __future__ import annotations

import pytest
import torch

from model_backend.devices import bf16_is_fast, pick_device
from model_backend.errors import LearningError


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_with_a_choice(name: str) -> None:
    with pytest.raises(LearningError, match="auto"):
        pick_device(name)


def test_bf16_is_timed_once() -> None:
    assert bf16_is_fast(torch.device("cpu")) is bf16_is_fast(torch.device("cpu"))
