"""What the page asks of the side of learning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from annotator.labelstudio.health import Check
from annotator.settings import Settings
from annotator.store import Store
from model_backend.engine.version_list import go_to_version
from model_backend.stack.checks import backbone, disk, worker


class KeptVersions:
    """The versions whose files are kept, to go to: `annotator.dashboard.services.Versions`."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._data_dir = data_dir

    def use(self, project_id: int, name: str, *, pin: bool) -> None:
        """Make it the version in use; the worker publishes it. Raises OnetagError when it cannot be used."""
        go_to_version(self._store, self._data_dir, project_id, name, pin=pin)


def machine_checks(settings: Settings) -> Iterator[Check]:
    """What `onetag doctor` looks at outside of the store, as far as this process can see it."""
    yield disk(settings)
    yield worker(settings)
    yield backbone(settings)
