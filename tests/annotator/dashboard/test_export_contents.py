"""What is said of an export before it is written is what it then holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotator.dashboard.catalog import Catalog, catalog
from annotator.dashboard.export_contents import Contents, export_contents
from annotator.exchange import EXPORTS, ExportChoices, Values, export_project
from annotator.store import (
    Annotation,
    Image,
    Project,
    Store,
    Unusable,
    live_image_ids,
    remove_images,
    sync_labels,
)
from annotator.store.versions import active_version
from tests.annotator.dashboard.made_versions import add_version

Annotate = Callable[..., Annotation | None]

ESTIMATES = [[0.9, 0.1, 0.5], [0.95, 0.5, 0.5], [0.1, 1.0, 0.5], [0.5, 1.0, 0.0]]
"""Of four images: the fifth came later."""


@pytest.fixture
def known(store: Store, project: Project, annotate: Annotate) -> Project:
    """A tie on task 1, task 3 is gone, task 5 cannot be read; a label came later, and one is archived."""
    with store.session() as session:
        held = session.get_one(Project, project.id)
        add_version(session, held, "v0001-x", ESTIMATES, [0.8, 0.99995, 1.01])
        annotate(session, held, "cat", "-dog", task=1, number=1)
        annotate(session, held, "-cat", task=1, number=2, annotator="bob")
        annotate(session, held, "tree", task=2, number=3)
        annotate(session, held, "dog", task=5, number=4)
        sync_labels(session, held, ["dog", "cat", "young"])
        remove_images(session, held.id, [3])
        session.get_one(Image, live_image_ids(session, held.id)[-1]).unusable = Unusable.NO_IMAGE
    return project


def counted(store: Store, project: Project, *, estimates: bool = True) -> Contents:
    with store.reading() as session:
        version = active_version(session, project.id) if estimates else None
        found = export_contents(session, Catalog(), project.id, version)
    assert found is not None
    return found


@pytest.mark.parametrize("values", list(Values))
def test_the_counts_are_those_of_the_file(
    store: Store, known: Project, tmp_path: Path, values: Values
) -> None:
    with store.reading() as session:
        project = session.get_one(Project, known.id)
        report = export_project(
            session, project, EXPORTS["csv"], tmp_path / "labels.csv", ExportChoices(values=values)
        )
    found = counted(store, known)
    assert (found.images, len(found.labels)) == (report.images, report.labels)
    assert (found.sum("present"), found.sum("absent")) == (report.present, report.absent)
    assert found.guessed(values) == report.guessed
    assert found.cells - found.sum("present", "absent") - found.guessed(values) == report.unknown


def test_each_label_is_counted_by_who_decides_it(store: Store, known: Project) -> None:
    dog, cat, young = counted(store, known).labels
    # The dog: said absent and present; 0.5 decides nothing, and 1.0 reaches 0.99995 to the digits stored.
    assert (dog.present, dog.absent, dog.undecided, dog.unknown) == (1, 1, 1, 0)
    assert dog.likely_present == 1
    # The cat: tied and estimated present, estimated present, not decided; of the last image nothing.
    assert (cat.likely_present, cat.undecided, cat.unknown, cat.ties) == (2, 1, 1, 1)
    assert (young.unknown, young.threshold) == (4, None)


def test_what_is_left_out_is_named(store: Store, known: Project) -> None:
    found = counted(store, known)
    assert (found.removed, found.unusable, found.without_estimate) == (1, 1, 1)
    assert found.archived == ["tree"]


def test_without_a_version_nothing_is_guessed_and_all_else_is_unknown(store: Store, known: Project) -> None:
    found = counted(store, known, estimates=False)
    assert {found.guessed(values) for values in Values} == {0}
    assert found.sum("unknown") == found.cells - found.sum("present", "absent")


def test_estimates_that_do_not_fit_into_memory_are_not_counted(
    store: Store, known: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MOST_BYTES", 1)
    with store.reading() as session:
        version = active_version(session, known.id)
        assert export_contents(session, Catalog(), known.id, version) is None
