"""The most memory that a benchmark has held."""

from __future__ import annotations

import resource


def peak_mib() -> float:
    """The peak of this process's resident memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
