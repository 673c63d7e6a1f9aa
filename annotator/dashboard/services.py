"""What the side of learning does for the page; `model_backend` brings what does it."""

from __future__ import annotations

from typing import Protocol


class Versions(Protocol):
    """Going to another model version."""

    def use(self, project_id: int, name: str, *, pin: bool) -> None:
        """Let suggestions come from the version with this name, to be published like a new one.

        pin: whether later trainings leave it in use. Raises OnetagError when it cannot be used.
        """
