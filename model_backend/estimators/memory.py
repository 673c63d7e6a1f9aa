"""How much memory there is, and the refusal of what will not fit."""

from __future__ import annotations

from pathlib import Path

import torch

from model_backend.errors import LearningError

SHARE = 0.8  # of what is free; the rest is for batches, features and the rest of the machine


def available_bytes(device: torch.device) -> int:
    """Free memory of a CUDA device, or of the machine within the limit of its container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(_machine_bytes(), _container_bytes())


def require_memory(needed: int, device: torch.device, what: str, instead: str) -> None:
    """Raises LearningError where `needed` bytes do not fit, as "{what} needs ..., use {instead}"."""
    available = available_bytes(device)
    if needed > SHARE * available:
        raise LearningError(
            f"{what} needs {needed / 2**30:.1f} GiB of memory and {available / 2**30:.1f} GiB are free.",
            f"Use {instead}.",
        )


def _machine_bytes() -> int:
    """MemAvailable of Linux; without it, no limit is known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 2**62
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields.get("MemAvailable", f"{2**52} kB").split()[0]) * 1024


def _container_bytes() -> int:
    """What the control group still allows; without one, no limit."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (group / "memory.max").read_text().strip(), (group / "memory.current").read_text()
    except OSError:
        return 2**62
    return 2**62 if limit == "max" else max(int(limit) - int(used), 0)
