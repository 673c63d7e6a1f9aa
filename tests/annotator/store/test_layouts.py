"""Where the images of a project lie: packed, replaced as a whole, and forgotten with the project's record."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store import ModelVersion, Project, Store
from annotator.store.layouts import (
    ALONE,
    Placed,
    confirm_layout,
    forget_layout,
    layouts_due,
    load_layout,
    made_of,
    near_duplicates,
    store_layout,
)
from annotator.store.merge import merge_projects
from annotator.store.models import Layout

MakeProject = Callable[..., Project]


def placed(
    groups: tuple[int, ...] = (0, ALONE, 0), ids: tuple[int, ...] = (3, 5, 2**40), **changed: object
) -> Placed:
    places = np.linspace(-1, 1, 2 * len(groups), dtype=np.float32).reshape(-1, 2)
    fields = {
        "image_ids": np.array(ids, np.int64),
        "places": places,
        "groups": np.array(groups, np.int32),
        "shares": (0.25, 0.125),
        "alike": 0.95,
        "made_of": "first",
    }
    return Placed(**{**fields, **changed})  # type: ignore[arg-type]


def test_what_is_stored_comes_back(store: Store, make_project: MakeProject) -> None:
    given = placed()
    with store.session() as session:
        project = make_project(session)
        assert load_layout(session, project.id) is None
        assert made_of(session, project.id) is None
        store_layout(session, project.id, given)
    with store.reading() as session:
        found = load_layout(session, project.id)
        assert made_of(session, project.id) == "first"
    assert found is not None
    for name in ("image_ids", "places", "groups"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
        assert getattr(found, name).dtype == getattr(given, name).dtype
    assert (found.shares, found.alike) == (given.shares, given.alike)
    assert found.computed_at is not None


def test_a_new_layout_takes_the_place_of_the_old_one(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        store_layout(session, project.id, placed())
        store_layout(session, project.id, placed((ALONE,), (7,), made_of="second"))
        assert session.scalar(select(func.count()).select_from(Layout)) == 1
        found = load_layout(session, project.id)
    assert found is not None
    assert (found.image_ids.tolist(), found.made_of) == ([7], "second")


def test_only_images_with_near_duplicates_have_a_group(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        assert near_duplicates(session, project.id) == {}
        store_layout(session, project.id, placed())
        assert near_duplicates(session, project.id) == {3: 0, 2**40: 0}


def test_a_layout_is_due_from_a_version_on_until_it_was_looked_at(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session)
        assert layouts_due(session) == []
        use_new_version(session, project, "v0001")
        assert layouts_due(session) == [project.id]
        store_layout(session, project.id, placed())
        assert layouts_due(session) == []
        use_new_version(session, project, "v0002")
        assert layouts_due(session) == [project.id]
        confirm_layout(session, project.id)
        assert layouts_due(session) == []


def use_new_version(session: Session, project: Project, name: str) -> None:
    version = ModelVersion(
        project_id=project.id, name=name, labels=[], label_ids=[], folder=name, backbone="handcrafted"
    )
    session.add(version)
    session.flush()
    project.active_version_id = version.id
    session.flush()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"places": np.zeros((2, 2), np.float32)}, "3 images"),
        ({"groups": np.zeros(4, np.int32)}, "3 images"),
        ({"image_ids": np.array([3, 3, 4])}, "ascend"),
        ({"places": np.full((3, 2), 1.5, np.float32)}, "between -1 and 1"),
        ({"places": np.full((3, 2), np.nan, np.float32)}, "between -1 and 1"),
    ],
)
def test_what_is_no_layout_is_refused(
    sqlite_store: Store, make_project: MakeProject, wrong: dict[str, object], told: str
) -> None:
    with sqlite_store.session() as session:
        project = make_project(session)
        with pytest.raises(ValueError, match=told):
            store_layout(session, project.id, placed(**wrong))  # type: ignore[arg-type]


def test_a_layout_is_forgotten_with_what_it_was_made_of(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        first, second = (make_project(session, title=title) for title in ("first", "second"))
        for project in (first, second):
            store_layout(session, project.id, placed())
        kept = merge_projects(session, first.id, second.id)
        assert load_layout(session, kept.id) is None
        store_layout(session, kept.id, placed())
        forget_layout(session, kept.id)
        assert load_layout(session, kept.id) is None
