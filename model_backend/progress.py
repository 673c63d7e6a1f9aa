"""How long work says where it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]  # a stage, and how much of it is done, 0..1


def silent(_stage: str, _done: float) -> None:
    """A progress for callers who do not watch."""
