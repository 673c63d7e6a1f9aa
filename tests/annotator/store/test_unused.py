"""Answers that are not used are listed by their reason, with the names that are to blame."""

from __future__ import annotations

from collections.abc import Callable

from annotator.store import Annotation, Project, Store, unanswered_images
from annotator.store.states import Unused
from annotator.store.unused import unused_answers

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]


def test_answers_are_grouped_by_why_they_make_nothing_known(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=9)
        unknown = {"unused": Unused.UNKNOWN_LABEL}
        annotate(session, project, task=101, number=1, unmatched=["zebra"], **unknown)
        annotate(session, project, task=102, number=2, unmatched=["zebra", "gnu"], **unknown)
        annotate(session, project, "cat", task=103, number=3, unmatched=["gnu", "zebra"])
        annotate(session, project, task=104, number=4, unused=Unused.UNTOUCHED)
        annotate(session, project, task=105, number=5, unused=Unused.OTHER_CONTROLS)
        annotate(session, project, task=106, number=6, skipped=True)
        annotate(session, project, "dog", task=107, number=7)
        found = unused_answers(session, project.id)
        assert [(each.reason, each.answers) for each in found] == [
            (Unused.UNKNOWN_LABEL, 3),
            (Unused.OTHER_CONTROLS, 1),
            (Unused.UNTOUCHED, 1),
        ]
        assert found[0].names == ("zebra", "gnu")
        assert found[0].detail == (
            "3 answers name what is no label of the project: zebra, gnu (tasks 101, 102, 103)"
        )
        assert found[0].fix
        # 101, 102 and 105 say nothing of the labels, 108 and 109 were not answered.
        assert len(unanswered_images(session, project.id)) == 5


def test_a_project_whose_answers_are_all_used_has_none(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat")
        assert unused_answers(session, project.id) == []
