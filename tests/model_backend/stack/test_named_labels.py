"""The command that a project began with, again: it undoes nothing of what people did on the page since."""

from __future__ import annotations

from collections.abc import Callable

from annotator.store import Project, Store, sync_labels
from model_backend.stack.named_labels import as_they_stand


def test_what_was_renamed_stays_so_and_what_was_archived_is_left_and_said(
    sqlite_store: Store, make_project: Callable[..., Project]
) -> None:
    with sqlite_store.session() as session:
        project = make_project(session, "cat, dog, tree")
        sync_labels(session, project, ["cat", "hound"], renamed={"dog": "hound"}, by="Ann")
        project_id = project.id
    said: list[str] = []
    assert as_they_stand(sqlite_store, project_id, ("cat", "dog", "tree"), said.append) == ("cat", "hound")
    assert said == ["Archived on the page, and left so: tree. There they can be brought back."]
    said.clear()
    assert as_they_stand(sqlite_store, project_id, ("cat", "owl"), said.append) == ("cat", "owl")
    assert as_they_stand(sqlite_store, None, ("tree",), said.append) == ("tree",)
    assert not said, "and of a project that the store does not know, nothing is known"
