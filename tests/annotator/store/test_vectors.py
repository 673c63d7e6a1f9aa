"""Label vectors: packed as float16, replaced in bulk, read back in any order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    LabelVector,
    ModelVersion,
    Project,
    Store,
    live_image_ids,
    live_labels,
    load_vectors,
    store_vectors,
)

MakeProject = Callable[..., Project]
MakeVersion = Callable[..., ModelVersion]


@pytest.fixture
def make_version() -> MakeVersion:
    def make(session: Session, project: Project, name: str = "v0001") -> ModelVersion:
        labels = live_labels(session, project.id)
        version = ModelVersion(
            project_id=project.id,
            name=name,
            labels=[label.name for label in labels],
            label_ids=[label.id for label in labels],
            folder=f"versions/{name}",
            backbone="handcrafted",
        )
        session.add(version)
        session.flush()
        return version

    return make


def random(images: int, labels: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).random((images, labels), dtype=np.float32)


def test_vectors_come_back_to_three_digits(
    store: Store, make_project: MakeProject, make_version: MakeVersion
) -> None:
    with store.session() as session:
        project = make_project(session, images=40)
        version, image_ids = make_version(session, project), live_image_ids(session, project.id)
        probabilities = random(40, 3)
        probabilities[0] = (0, 1, 0.5)
        store_vectors(session, version.id, image_ids, probabilities)
        loaded_ids, loaded = load_vectors(session, version.id)
        assert loaded_ids == image_ids
        assert loaded.dtype == np.float32
        assert loaded[0].tolist() == [0, 1, 0.5]
        np.testing.assert_allclose(loaded, probabilities, atol=5e-4)
        packed = session.scalars(select(LabelVector.probabilities).order_by(LabelVector.image_id)).first()
        assert packed == np.array([0, 1, 0.5], dtype="<f2").tobytes()


def test_some_images_in_the_order_asked_for(
    store: Store, make_project: MakeProject, make_version: MakeVersion
) -> None:
    with store.session() as session:
        project = make_project(session, images=5)
        version, image_ids = make_version(session, project), live_image_ids(session, project.id)
        store_vectors(session, version.id, image_ids[:4], random(4, 3))
        wanted = [image_ids[2], image_ids[4], image_ids[0]]
        found, vectors = load_vectors(session, version.id, wanted)
        assert found == [image_ids[2], image_ids[0]]
        np.testing.assert_allclose(vectors, random(4, 3)[[2, 0]], atol=5e-4)
        nothing, none = load_vectors(session, version.id, [])
        assert (nothing, none.shape) == ([], (0, 3))


def test_a_vector_is_replaced(store: Store, make_project: MakeProject, make_version: MakeVersion) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        version, image_ids = make_version(session, project), live_image_ids(session, project.id)
        store_vectors(session, version.id, image_ids, np.zeros((2, 3)))
        store_vectors(session, version.id, image_ids[::-1], np.array([[1, 1, 1], [0.5, 0.5, 0.5]]))
        assert load_vectors(session, version.id)[1].tolist() == [[0.5] * 3, [1] * 3]


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 2)),
        np.zeros((3, 3)),
        np.full((2, 3), 1.1),
        np.full((2, 3), -0.1),
        np.full((2, 3), np.nan),
    ],
)
def test_what_is_no_probability_is_refused(
    store: Store, make_project: MakeProject, make_version: MakeVersion, wrong: npt.NDArray[np.float64]
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        version, image_ids = make_version(session, project), live_image_ids(session, project.id)
        with pytest.raises(ValueError, match="probabilities"):
            store_vectors(session, version.id, image_ids, wrong)
        assert load_vectors(session, version.id)[0] == []


def test_more_vectors_than_one_statement_takes(
    store: Store, make_project: MakeProject, make_version: MakeVersion
) -> None:
    with store.session() as session:
        project = make_project(session, "cat", images=11_000)
        version, image_ids = make_version(session, project), live_image_ids(session, project.id)
        store_vectors(session, version.id, image_ids, random(11_000, 1))
        found, vectors = load_vectors(session, version.id, image_ids)
        assert found == image_ids
        np.testing.assert_allclose(vectors, random(11_000, 1), atol=5e-4)
