"""On which device to compute, and in which precision: measured on the machine, not assumed."""

from __future__ import annotations

import time
from functools import lru_cache

import torch

from model_backend.errors import LearningError

PROBE_SIZE = 1024
PROBE_GAIN = 1.2  # bf16 must be this much faster than float32 to be worth its rounding


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; auto: CUDA where there is a working GPU, else the CPU.

    Raises LearningError when the name is unknown or the machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LearningError(f"There is no device {name!r}.", "Choose auto, cpu or cuda.") from error
    if device.type not in ("cpu", "cuda"):
        raise LearningError(f"Training runs on cpu or cuda, not on {name!r}.", "Choose auto.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LearningError(f"This machine has no GPU {name!r} that torch can use.", "Choose auto or cpu.")
    return device


def bf16_is_fast(device: torch.device) -> bool:
    """Whether a bfloat16 matrix product clearly beats a float32 one here, by timing both once a process."""
    return _bf16_gain(str(device)) >= PROBE_GAIN


@lru_cache(maxsize=8)
def _bf16_gain(device: str) -> float:
    exact = torch.ones(PROBE_SIZE, PROBE_SIZE, device=device)
    short = exact.bfloat16()
    for warm in (exact, short):
        _product_seconds(warm)
    return min(_product_seconds(exact) for _ in range(3)) / min(_product_seconds(short) for _ in range(3))


def _product_seconds(matrix: torch.Tensor) -> float:
    _settle(matrix.device)
    start = time.perf_counter()
    matrix @ matrix
    _settle(matrix.device)
    return max(time.perf_counter() - start, 1e-9)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
