"""Images that cannot be used, grouped by the reason."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from annotator.store import Image, Project, Store
from annotator.store.problems import ProblemExample, image_problems


def test_images_of_one_reason_stand_together_with_examples(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        project = make_project(session, images=6)
        rows = session.scalars(select(Image).order_by(Image.id)).all()
        for row in rows[:3]:
            row.problem = f"Label Studio does not serve {row.uri} (404). Is the file gone?"
        rows[3].problem = "This is no image. Upload it again."
        rows[4].problem, rows[4].removed_at = "This is no image. Upload it again.", project.created_at
        session.flush()
        served, damaged = image_problems(session, project.id)
        assert (served.count, len(served.examples)) == (3, 2)
        assert "Label Studio does not serve" in served.reason
        assert (damaged.count, damaged.reason) == (1, "This is no image. Upload it again.")
        assert damaged.examples == (ProblemExample(104, "/data/upload/7/4.jpg", rows[3].problem),)


def test_where_nothing_is_wrong_there_is_nothing_to_tell(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        assert image_problems(session, make_project(session).id) == []
