"""Several annotators: what they agree on, by hand, and what Label Studio asks several of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from sqlalchemy import select

from annotator.store import (
    Annotation,
    Image,
    Observed,
    Project,
    Source,
    Store,
    observed_matrix,
    sync_labels,
)
from annotator.store.agreement import Agreement, Confusion, agreement
from annotator.store.shared import shared_votes
from annotator.store.types import utc_now

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]
NAMES = ("cat", "dog", "tree")


def of(found: Agreement, annotator: str, label: str) -> Confusion:
    return next(each for each in found.confusions if (each.annotator, each.label) == (annotator, label))


def test_different_labels_of_the_same_image_are_no_disagreement(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        assert agreement(session, project.id) == Agreement(0, 0, 0, None, None, ())
        annotate(session, project, "cat", number=1, annotator="ann")
        annotate(session, project, "dog", number=2, annotator="bob")
        assert agreement(session, project.id) == Agreement(1, 0, 0, None, None, ())


def test_each_is_compared_with_what_the_others_say(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        annotate(session, project, "cat", "dog", number=1, annotator="ann")
        annotate(session, project, "cat", "-dog", number=2, annotator="bob")
        annotate(session, project, "-cat", "-dog", number=3, annotator="eve")
        annotate(session, project, "tree", task=102, number=4, annotator="ann")
        found = agreement(session, project.id)
    assert (found.images, found.cells, found.ties) == (1, 2, 0)
    # Two of six pairs agree, one on each label. Three say yes and three no: alpha = 1 - 5 * (2/2 + 2/2) / 9.
    assert found.agree == pytest.approx(1 / 3)
    assert found.alpha == pytest.approx(1 - 10 / 9)
    # Of cat, ann's others are tied and bob's too; eve's say yes. Of dog, ann's say no; the others' are tied.
    assert found.confusions == (
        Confusion("ann", "dog", both_present=0, both_absent=0, present_alone=1, absent_alone=0),
        Confusion("eve", "cat", both_present=0, both_absent=0, present_alone=0, absent_alone=1),
    )


def test_two_who_disagree_are_a_tie_that_stays_unknown(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", number=1, annotator="ann")
        annotate(session, project, "-cat", number=2, annotator="bob")
        found, matrix = agreement(session, project.id), observed_matrix(session, project.id)
    assert (found.cells, found.ties, found.agree) == (1, 1, 0.0)
    assert (matrix.values[0, 0], matrix.conflicts) == (0, 1)
    assert of(found, "ann", "cat").present_alone == 1
    assert of(found, "bob", "cat").absent_alone == 1


def test_ground_truth_is_the_consensus_for_all_but_who_gave_it(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", number=1, annotator="ann")
        annotate(session, project, "cat", number=2, annotator="bob")
        annotate(session, project, "-cat", number=3, annotator="judge", ground_truth=True)
        found, matrix = agreement(session, project.id), observed_matrix(session, project.id)
    assert (matrix.values[0, 0], matrix.conflicts, found.ties) == (-1, 0, 0)
    assert of(found, "ann", "cat").present_alone == of(found, "bob", "cat").present_alone == 1
    assert of(found, "judge", "cat").absent_alone == 1, "what the others say of it"


def test_retired_skipped_removed_and_archived_are_not_compared(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=4)
        for task in (101, 102, 103, 104):
            annotate(session, project, "cat", task=task, number=task, annotator="ann")
        annotate(session, project, task=101, number=1, annotator="bob", skipped=True)
        annotate(session, project, "-cat", task=102, number=2, annotator="bob")
        annotate(session, project, "cat", task=102, number=2, annotator="bob", second=9)
        annotate(session, project, "-cat", task=103, number=3, annotator=None)
        annotate(session, project, "-cat", task=104, number=4, annotator="bob")
        session.scalars(select(Image).where(Image.studio_task == 104)).one().removed_at = utc_now()
        found = agreement(session, project.id)
        assert (found.images, found.cells, found.agree) == (1, 1, 1.0)
        assert found.alpha is None, "all say the same of everything"
        sync_labels(session, project, ["dog", "tree"])
        assert agreement(session, project.id).cells == 0


def test_the_newest_shared_images_are_those_that_were_answered_last(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        for task in (101, 102, 103):
            annotate(session, project, "cat", task=task, number=task, annotator="ann")
        for task, said in ((102, "cat"), (101, "-cat")):
            annotate(session, project, said, task=task, number=task + 10, annotator="bob")
        newest, two = (shared_votes(session, project.id, newest=number) for number in (1, 2))
        found = agreement(session, project.id, newest)
        both = agreement(session, project.id, two)
        assert (found.images, found.agree, found.whole) == (1, 0.0, False)
        assert (both.images, both.agree, both.whole) == (2, 0.5, True)
        assert agreement(session, project.id) == both


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_naive_count_of_a_random_record_gives(
    sqlite_store: Store, make_project: MakeProject, annotate: Annotate, seed: int
) -> None:
    random = np.random.default_rng(seed)
    people = ["ann", "bob", "eve", "joe"]
    said: dict[tuple[int, str], dict[str, tuple[int, bool]]] = {}
    with sqlite_store.session() as session:
        project = make_project(session, images=6)
        for number, (task, who) in enumerate((t, p) for t in range(101, 107) for p in people):
            values = {name: int(v) for name, v in zip(NAMES, random.integers(-1, 2, 3), strict=True)}
            truth = bool(random.random() < 0.15)
            known = [Observed(name, value, Source.TAG) for name, value in values.items() if value]
            annotate(
                *(session, project),
                **{
                    "task": task,
                    "number": number,
                    "annotator": who,
                    "observed": known,
                    "ground_truth": truth,
                },
            )
            for each in known:
                said.setdefault((task, each.label), {})[who] = each.value, truth
        found = agreement(session, project.id)
        matrix = observed_matrix(session, project.id)
    several = [votes for votes in said.values() if len(votes) > 1]
    pairs = [a[0] == b[0] for votes in several for a, b in combinations(votes.values(), 2)]
    assert found.cells == len(several)
    assert found.agree == pytest.approx(np.mean(pairs))
    assert found.ties == sum(
        matrix.values[task - 101, NAMES.index(label)] == 0
        for (task, label), votes in said.items()
        if len(votes) > 1
    )
    for who in people:
        for label in NAMES:
            counts = {"both_present": 0, "both_absent": 0, "present_alone": 0, "absent_alone": 0}
            for (_, name), votes in said.items():
                if name != label or who not in votes:
                    continue
                others = [vote for other, vote in votes.items() if other != who]
                truths = [value for value, truth in others if truth]
                consensus = np.sign(sum(truths or [value for value, _ in others]))
                own = votes[who][0]
                if consensus:
                    side = "present" if own > 0 else "absent"
                    counts[f"both_{side}" if own == consensus else f"{side}_alone"] += 1
            if any(counts.values()):
                assert of(found, who, label) == Confusion(who, label, **counts)
            else:
                assert (who, label) not in {(each.annotator, each.label) for each in found.confusions}
