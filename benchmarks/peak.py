"""The most memory that a benchmark has held."""

from __future__ import annotations

import resource
from pathlib import Path

LINUX = Path("/proc/self/status")


def peak_mib() -> float:
    """The peak of this process's resident memory so far, in MiB.

    Of Linux it is asked for this program alone: what `getrusage` tells a child starts at its parent's memory.
    """
    if LINUX.exists():
        told = dict(line.split(":", 1) for line in LINUX.read_text(encoding="utf-8").splitlines())
        return int(told["VmHWM"].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
