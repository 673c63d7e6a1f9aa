"""How the tests are shared out among processes: a file to a process, and the files that take longest first.

Else one process would end with a file of minutes while the others have nothing left to do.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

UP = "up"
SHARING_UP = tuple(f"tests/acceptance/test_{name}.py" for name in ("browser", "chaos", "up"))
"""Files that use one `onetag up`, and so belong together."""
LONGEST = (
    "tests/acceptance/page/test_views.py",
    UP,
    "tests/model_backend/worker/test_interleavings.py",
    "tests/acceptance/test_asking.py",
    "tests/model_backend/planning/test_worth.py",
    "tests/acceptance/test_identity.py",
    "tests/model_backend/training/test_first_tags.py",
    "tests/acceptance/test_screen.py",
    "tests/model_backend/worker/test_page_interleavings.py",
    "tests/acceptance/test_demo.py",
    "tests/model_backend/server/test_any_config.py",
    "tests/acceptance/test_connect.py",
    "tests/processes/test_killed.py",
    "tests/acceptance/test_without_label_studio.py",
    "tests/processes/test_unwritable.py",
    "tests/acceptance/test_labels_from.py",
    "tests/processes/test_stopped.py",
    "tests/acceptance/page/test_entrance.py",
    "tests/deploy/test_clean_root.py",
    "tests/processes/test_studio_gone.py",
    "tests/annotator/labelstudio/test_storages.py",
    "tests/test_wheel.py",
)
"""What takes half a minute or more, the longest first."""


def part_of(nodeid: str) -> str:
    """What runs in one process: a file, or the files that use one `onetag up`."""
    file = nodeid.partition("::")[0]
    return UP if file in SHARING_UP else file


class ByPart(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process a part at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Share the tests out among processes, where there are several."""
    return ByPart(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest parts first; within a part, and for all others, the order stays."""
    places = {part: place for place, part in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(part_of(item.nodeid), len(places)))
