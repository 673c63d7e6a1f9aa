"""How long work reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]  # called with a stage and the share of it that is done, 0..1


def silent(_stage: str, _done: float) -> None:
    """A progress for callers who do not watch."""
