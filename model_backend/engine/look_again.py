"""Reading again, by itself, the images that could not be read before."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from annotator.store import Store, due_images
from annotator.store.versions import active_version
from model_backend.engine.fitting import starting_backbone
from model_backend.engine.reading import extract_rows, image_rows
from model_backend.engine.resources import LearningResources

AT_ONCE = 256  # images

log = logging.getLogger(__name__)


def look_again(store: Store, resources: LearningResources, project_id: int) -> Iterator[int]:
    """Read the images of a project that are due, some at once; yields how many of those can be used now.

    Their features are in the cache afterwards, for the training to come. What fails again waits twice as long
    as before. Raises OnetagError when Label Studio as a whole cannot be read, LearningError for backbone or
    disk.
    """
    seen: set[int] = set()
    while True:
        with store.reading() as session:
            due = set(due_images(session, project_id, AT_ONCE)) - seen
            rows = image_rows(session, sorted(due), again=True, stamp=resources.stamp)
            previous = active_version(session, project_id)
        if not rows:
            return
        seen |= due
        backbone = starting_backbone(resources, previous, published=False)
        found = extract_rows(store, resources, backbone, rows)
        back = len(rows) - len(found.problems)
        log.info("Of %d images that could not be read, %d can be now.", len(rows), back)
        yield back
