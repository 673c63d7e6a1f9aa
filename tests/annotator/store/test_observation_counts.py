"""Observations are counted as one by one, whatever became of images and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sqlalchemy import select

from annotator.store import (
    Annotation,
    Claim,
    Image,
    Label,
    Observation,
    Project,
    Source,
    Store,
    open_import,
    remove_images,
    sync_labels,
)
from annotator.store.observation_counts import ABSENT, IMPORTED, PRESENT, count_observations

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]


def filled(store: Store, make_project: MakeProject, annotate: Annotate) -> int:
    """Answers and a file; one image is removed, one label archived, and another project has answers too."""
    with store.session() as session:
        project, other = make_project(session, images=4), make_project(session, images=4, title="Plants")
        for number, task in enumerate((101, 102, 103)):
            annotate(session, project, "cat", "-dog", "tree", task=task, number=number)
            annotate(session, other, "cat", task=task, number=number)
        file = open_import(session, project.id, name="a.csv", form="csv", claim=Claim.POSITIVE, digest="a")
        cat = session.scalars(select(Label).where(Label.project_id == project.id, Label.name == "cat")).one()
        images = session.scalars(select(Image).where(Image.project_id == project.id)).all()
        session.add_all(
            Observation(
                import_id=file.id, image_id=image.id, label_id=cat.id, value=1, source=Source.IMPORTED
            )
            for image in images
        )
        remove_images(session, project.id, [102])
        sync_labels(session, project, ["cat", "dog"])
        return project.id


def test_counts_are_those_of_live_labels_on_live_images(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    project_id = filled(store, make_project, annotate)
    with store.reading() as session:
        rows = session.execute(
            select(Observation)
            .join(Image, Image.id == Observation.image_id)
            .join(Label, Label.id == Observation.label_id)
            .where(
                Image.project_id == project_id,
                Image.removed_at.is_(None),
                Label.archived_at.is_(None),
                Observation.retired_at.is_(None),
            )
        ).scalars()
        by_hand = Counter((row.source, row.value) for row in rows)
        counted = count_observations(session, project_id, PRESENT, ABSENT, IMPORTED)
        assert counted == {None: (5, 2, 3)}
        by_source = count_observations(session, project_id, PRESENT, ABSENT, by=Observation.source)
    assert {key: counts for key, counts in by_source.items() if any(counts)} == {
        source: (by_hand[source, 1], by_hand[source, -1]) for source in {source for source, _ in by_hand}
    }


def test_nothing_said_is_nothing_counted(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        assert count_observations(session, project.id, PRESENT, ABSENT) == {None: (0, 0)}
