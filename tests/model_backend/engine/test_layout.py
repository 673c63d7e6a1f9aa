"""The map of a project: of all images with features, computed once, and again after each change."""

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select

from annotator.store import Image, Project, Store, queue_run
from annotator.store.layouts import ALONE, Placed, load_layout, made_of, store_layout
from annotator.store.states import RunReason
from annotator.store.types import utc_now
from model_backend.engine.layout import lay_out_project
from model_backend.engine.resources import CACHE_FILE, LearningResources
from model_backend.engine.train import train_run
from model_backend.features import FeatureCache


@pytest.fixture
def project(store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(store, images=16)
    tag(store, made, range(1, 9))
    return made


def train(store: Store, resources: LearningResources, project: Project) -> None:
    with store.session() as session:
        run = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert run is not None
        run_id = run.id
    train_run(store, resources, run_id)


def test_before_a_version_there_is_no_map(
    store: Store, resources: LearningResources, project: Project
) -> None:
    assert not lay_out_project(store, resources, project.id)


def test_all_images_with_features_have_a_place(
    store: Store, resources: LearningResources, project: Project
) -> None:
    with store.session() as session:
        gone, removed = session.scalars(select(Image).order_by(Image.id).limit(2)).all()
        gone.uri, removed.removed_at = "/data/gone.png", utc_now()
    train(store, resources, project)
    assert lay_out_project(store, resources, project.id)
    with store.reading() as session:
        placed = load_layout(session, project.id)
        assert placed is not None
        assert placed.image_ids.tolist() == list(
            session.scalars(select(Image.id).where(Image.id.not_in([gone.id, removed.id])).order_by(Image.id))
        )
    assert np.abs(placed.places).max() == pytest.approx(1)
    assert 0.5 < sum(placed.shares) <= 1


def test_equal_files_are_near_duplicates(
    store: Store, resources: LearningResources, project: Project
) -> None:
    with store.session() as session:
        first, *_, last = session.scalars(select(Image).order_by(Image.id)).all()
        last.uri = first.uri
    train(store, resources, project)
    lay_out_project(store, resources, project.id)
    with store.reading() as session:
        placed = load_layout(session, project.id)
    assert placed is not None
    assert placed.groups[0] == placed.groups[-1] != ALONE


def test_a_map_is_computed_once_until_images_change(
    store: Store, resources: LearningResources, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(store, resources, project)
    assert lay_out_project(store, resources, project.id)
    train(store, resources, project)
    with monkeypatch.context() as patched:
        patched.setattr("model_backend.engine.layout.lay_out", lambda *_, **__: pytest.fail("computed again"))
        assert not lay_out_project(store, resources, project.id)
    with store.session() as session:
        session.scalars(select(Image).order_by(Image.id).limit(1)).one().removed_at = utc_now()
        before = made_of(session, project.id)
    assert lay_out_project(store, resources, project.id)
    with store.reading() as session:
        assert made_of(session, project.id) != before


def test_a_new_map_is_the_same_way_round(
    store: Store, resources: LearningResources, project: Project
) -> None:
    train(store, resources, project)
    lay_out_project(store, resources, project.id)
    with store.session() as session:
        placed = load_layout(session, project.id)
        assert placed is not None
        mirrored = -placed.places
        store_layout(
            session,
            project.id,
            Placed(placed.image_ids, mirrored, placed.groups, placed.shares, placed.alike, "older"),
        )
    lay_out_project(store, resources, project.id)
    with store.reading() as session:
        again = load_layout(session, project.id)
    assert again is not None
    assert np.allclose(again.places, mirrored, atol=1e-5)


def test_damaged_features_leave_out_their_images(
    store: Store, resources: LearningResources, project: Project
) -> None:
    train(store, resources, project)
    with store.reading() as session:
        image = session.scalars(select(Image).order_by(Image.id).limit(1)).one()
    cache = FeatureCache(resources.settings.data_dir / CACHE_FILE)
    cache._guarded(
        lambda connection: connection.execute(
            "UPDATE features SET checksum = checksum + 1 WHERE digest = ?", (image.digest,)
        )
    )
    assert lay_out_project(store, resources, project.id)
    with store.reading() as session:
        placed = load_layout(session, project.id)
    assert placed is not None
    assert image.id not in placed.image_ids
    assert len(placed.image_ids) == 15
