"""What is on record of one label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sqlalchemy import select

from annotator.store import (
    Image,
    ModelVersion,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    live_labels,
    record_annotation,
    store_vectors,
    sync_labels,
)
from annotator.store.label_record import Kind, label_record
from annotator.store.types import utc_now


def test_live_observations_are_counted_by_kind(store: Store, make_project: Callable[..., Project]) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=4)
        for image, source in zip(
            session.scalars(select(Image).order_by(Image.id)).all(),
            (Source.TAG, Source.TAG, Source.COMPLETE, Source.TAG),
            strict=True,
        ):
            said = [Observed("dog", -1 if source is Source.COMPLETE else 1, source)]
            sent = Submission(image.studio_task, [], False, "Ann", 1.0, None, None, said, utc_now())
            record_annotation(session, project, image, sent)
        image.removed_at = utc_now()
        sync_labels(session, project, ["cat", "hound"], renamed={"dog": "hound"}, by="Ann")
        cat, dog = live_labels(session, project.id)
        record = label_record(session, dog)
        assert record.kinds == [Kind(Source.TAG, 2, 0), Kind(Source.COMPLETE, 0, 1)]
        assert (record.images, record.observations) == (3, 3)
        assert (record.suggestions, record.versions) == (0, 0)
        assert [each.name for each in record.former] == ["dog"]
        assert label_record(session, cat).kinds == []


def test_what_the_version_in_use_suggests_is_counted_where_the_label_is_unknown(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        dog = live_labels(session, project.id)[1]
        images = session.scalars(select(Image).order_by(Image.id)).all()
        version = ModelVersion(
            project_id=project.id, name="v0001-20310504T120000", labels=["dog"], label_ids=[dog.id]
        )
        version.folder, version.backbone, version.thresholds = "", "lite0", [0.5]
        session.add(version)
        session.flush()
        project.active_version_id = version.id
        chances = np.array([[0.9], [0.5], [0.25]])
        store_vectors(session, version.id, [image.id for image in images], chances)
        said = [Observed("dog", 1, Source.TAG)]
        sent = Submission(images[0].studio_task, [], False, "Ann", 1.0, None, None, said, utc_now())
        record_annotation(session, project, images[0], sent)
        record = label_record(session, dog)
        assert (record.suggestions, record.versions) == (1, 1)
