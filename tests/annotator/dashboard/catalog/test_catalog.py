"""Every search finds what a plain loop over the observed matrix and the label vectors finds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import Alike, Answer, Catalog, Find, Order, Search, SearchError, State
from annotator.dashboard.catalog.cells import Cells, wrong
from annotator.store import (
    Annotation,
    Image,
    ModelVersion,
    Observation,
    Project,
    Store,
    Suggested,
    Suggestion,
    live_labels,
    load_vectors,
    observed_matrix,
    remove_images,
    retire_annotation,
    store_suggestions,
    store_vectors,
    sync_images,
    sync_labels,
)
from annotator.store.layouts import Placed, near_duplicates, store_layout
from annotator.store.states import Unusable, Unused
from tests.annotator.conftest import NOON

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]

LABELS = ("cat", "dog", "tree", "bird")
IMAGES = 60


@pytest.fixture
def varied(store: Store, make_project: MakeProject, annotate: Annotate) -> Store:
    """A project in which everything occurs that a search can ask for; another one beside it."""
    random = np.random.default_rng(5)
    with store.session() as session:
        project = make_project(session, ", ".join(LABELS), images=IMAGES)
        other = make_project(session, ", ".join(LABELS), images=5, title="Plants")
        annotate(session, other, "cat", task=101, number=1)
        answer(session, project, annotate, random)
        for name in ("v0001", "v0002"):
            add_version(session, project, name, random)
        live = session.scalars(select(Image).where(Image.project_id == project.id)).all()
        for image in live:
            image.digest = f"{random.integers(IMAGES):064x}" if random.random() < 0.8 else None
        for image, reason in ((live[4], Unusable.MISSING), (live[9], Unusable.NO_IMAGE)):
            image.unusable, image.problem = reason, "It is gone."
        near = np.where(random.random(IMAGES) < 0.3, random.integers(0, 6, IMAGES), -1).astype(np.int32)
        ids, places = np.array([image.id for image in live]), np.zeros((IMAGES, 2), dtype=np.float32)
        store_layout(session, project.id, Placed(ids, places, near, (0.5, 0.2), 0.95, "x"))
        remove_images(session, project.id, [107, 108])
        sync_images(session, project.id, {900: "/data/900.jpg", 901: "/data/901.jpg"})  # with no vector
        sync_labels(session, project, ["bird", "cat", "tree", "moon"])
    return store


def answer(session: Session, project: Project, annotate: Annotate, random: np.random.Generator) -> None:
    """Some images by several annotators, some skipped, some with answers that are not used or retired."""
    for number in range(90):
        names = random.choice(LABELS, size=random.integers(1, 4), replace=False)
        signs = ["" if positive else "-" for positive in random.random(len(names)) < 0.5]
        kind = random.random()
        annotate(
            session,
            project,
            *([] if kind < 0.2 else [f"{sign}{name}" for sign, name in zip(signs, names, strict=True)]),
            task=101 + int(random.integers(IMAGES * 2 // 3)),
            number=number,
            annotator=f"annotator {number % 3}",
            skipped=bool(kind < 0.1),
            unused=Unused.UNKNOWN_LABEL if 0.1 < kind < 0.2 else None,
            suggested_version=str(random.choice(["v0001", "v0002"])),
            ground_truth=bool(random.random() < 0.1),
        )
    for number in random.choice(90, size=9, replace=False):
        retire_annotation(session, project, int(number), NOON)


def add_version(session: Session, project: Project, name: str, random: np.random.Generator) -> None:
    """A version, then in use, with vectors of most images."""
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id, name=name, folder=name, backbone="none", thresholds=[0.5, 0.6, 0.7, 0.8],
        labels=[label.name for label in labels], label_ids=[label.id for label in labels],
    )  # fmt: skip
    session.add(version)
    session.flush()
    images = session.scalars(select(Image.id).where(Image.project_id == project.id)).all()[:-3]
    store_vectors(session, version.id, images, random.random((len(images), len(labels))).astype(np.float32))
    scores = np.round(random.random(len(images)), 1).tolist()  # some alike
    asked = [Suggested(image, ["cat"], score, 0) for image, score in zip(images, scores, strict=True)]
    store_suggestions(session, version.id, asked[::2])
    project.active_version_id = version.id


@dataclass
class Known:
    """All that a plain loop looks at, in dictionaries."""

    image_ids: list[int]
    labels: list[str]
    said: dict[tuple[int, str], tuple[int, bool]]
    chances: dict[tuple[int, str], float]
    thresholds: dict[str, float]
    answers: dict[int, list[Annotation]]
    turns: dict[int, tuple[float, int]]
    images: dict[int, Image]
    near: dict[int, int]


def known(session: Session, name: str = "v0002") -> Known:
    version = session.scalars(select(ModelVersion).where(ModelVersion.name == name)).one()
    matrix = observed_matrix(session, version.project_id)
    tied = tied_cells(session)
    said = {
        (image, label): (int(matrix.values[row, column]), (image, label_id) in tied)
        for row, image in enumerate(matrix.image_ids)
        for column, (label_id, label) in enumerate(zip(matrix.label_ids, matrix.label_names, strict=True))
    }
    answers: dict[int, list[Annotation]] = {}
    for each in session.scalars(select(Annotation).where(Annotation.retired_at.is_(None))):
        answers.setdefault(each.image_id, []).append(each)
    images, vectors = load_vectors(session, version.id)
    chances = {
        (image, label): float(chance)
        for image, vector in zip(images, vectors, strict=True)
        for label, chance in zip(version.labels, vector, strict=True)
    }
    suggested = session.scalars(select(Suggestion).where(Suggestion.version_id == version.id))
    return Known(
        matrix.image_ids,
        matrix.label_names,
        said,
        chances,
        dict(zip(version.labels, version.thresholds, strict=True)),
        answers,
        {each.image_id: (each.score, each.image_id) for each in suggested},
        {image.id: image for image in session.scalars(select(Image))},
        near_duplicates(session, version.project_id),
    )


def tied_cells(session: Session) -> set[tuple[int, int]]:
    """Cells (image, label) with as many votes for as against, of those that count."""
    words: dict[tuple[int, int, str | None], Observation] = {}
    told = select(Observation).join(Annotation, Annotation.id == Observation.annotation_id)
    live = told.where(Observation.retired_at.is_(None))
    for each in session.scalars(
        live.order_by(Observation.ground_truth, Annotation.updated_at, Annotation.id)
    ):
        words[each.image_id, each.label_id, each.annotator] = each
    votes: dict[tuple[int, int], list[Observation]] = {}
    for each in words.values():
        votes.setdefault((each.image_id, each.label_id), []).append(each)
    true = {cell: [each for each in told if each.ground_truth] or told for cell, told in votes.items()}
    return {cell for cell, told in true.items() if sum(each.value for each in told) == 0}


def meets(known: Known, search: Search, image: int, label: str, likely_wrong: set[tuple[int, str]]) -> bool:
    """Whether all that is asked of a label holds of this one."""
    value, tied = known.said[image, label]
    chance = known.chances.get((image, label), math.nan)
    suggested = chance >= float(np.float16(known.thresholds.get(label, math.nan)))
    states = {
        State.PRESENT: value == 1,
        State.ABSENT: value == -1,
        State.UNKNOWN: value == 0,
        State.CONFLICT: tied,
    }
    finds = {
        Find.DISAGREEMENT: (value == -1 and chance >= 0.9) or (value == 1 and chance <= 0.1),
        Find.MISSING: value == 0 and suggested,
        Find.WRONG: (image, label) in likely_wrong,
    }
    return all(
        [
            search.state is None or states[search.state],
            search.find is None or finds[search.find],
            search.least is None or chance >= search.least,
            search.most is None or chance <= search.most,
        ]
    )


def wanted(known: Known, search: Search, image: int) -> bool:
    """Whether all that is asked of an image holds."""
    answers, row = known.answers.get(image, []), known.images[image]
    useful = [each for each in answers if not each.skipped and each.unused in (None, Unused.UNTOUCHED)]
    skipped = [each for each in answers if each.skipped]
    kinds = {
        Answer.ANSWERED: bool(useful),
        Answer.SKIPPED: bool(skipped) and not useful,
        Answer.OPEN: not useful and not skipped,
    }
    same = [each for each in known.image_ids if row.digest and known.images[each].digest == row.digest]
    return all(
        [
            search.annotator is None or any(each.annotator == search.annotator for each in answers),
            search.shown is None or any(each.suggested_version == search.shown for each in answers),
            search.answer is None or kinds[search.answer],
            search.problem is None or (row.unusable is not None and search.problem in ("any", row.unusable)),
            search.alike is not Alike.SAME or len(same) > 1,
            search.alike is not Alike.NEAR or image in known.near,
        ]
    )


def likely_wrong(known: Known) -> set[tuple[int, str]]:
    """By the filter itself, which has tests of its own, on arrays that a loop has filled."""
    found: set[tuple[int, str]] = set()
    for label in known.labels:
        values = [known.said[image, label][0] for image in known.image_ids]
        chances = [known.chances.get((image, label), math.nan) for image in known.image_ids]
        cells = Cells(
            np.array(values, np.int8), np.zeros(len(values), np.bool_), np.array(chances, np.float32), 0.5
        )
        found |= {(known.image_ids[row], label) for row in np.flatnonzero(wrong(cells))}
    return found


def plainly(known: Known, search: Search) -> list[int]:
    """What a search finds, by loops alone; in the order of the numbers."""
    wrongly = likely_wrong(known)
    labels = [search.label] if search.label else known.labels
    return [
        image
        for image in known.image_ids
        if wanted(known, search, image)
        and (not search.about_labels or any(meets(known, search, image, label, wrongly) for label in labels))
    ]


SEARCHES = [
    Search(),
    *(Search(state=state) for state in State),
    *(Search(label="cat", state=state) for state in State),
    *(Search(find=find) for find in Find),
    *(Search(label="bird", find=find) for find in Find),
    Search(label="moon", state=State.UNKNOWN),
    Search(label="moon", least=0.0),
    Search(label="tree", least=0.4, most=0.6),
    Search(least=0.97),
    Search(state=State.UNKNOWN, least=0.9),
    Search(version="v0001", label="cat", least=0.5),
    *(Search(answer=answer) for answer in Answer),
    *(Search(alike=alike) for alike in Alike),
    Search(annotator="annotator 1"),
    Search(annotator="nobody"),
    Search(shown="v0001"),
    Search(problem="any"),
    Search(problem=Unusable.NO_IMAGE),
    Search(problem=Unusable.TOO_LARGE),
    Search(label="cat", state=State.PRESENT, annotator="annotator 2", answer=Answer.ANSWERED, most=0.7),
]


def test_every_search_finds_what_a_loop_finds(varied: Store) -> None:
    catalog, found_something = Catalog(), 0
    with varied.reading() as session:
        project = session.get_one(Project, 1)
        versions = {name: known(session, name) for name in ("v0001", "v0002")}
        for search in SEARCHES:
            expected = plainly(versions[search.version or "v0002"], search)
            found = catalog.find(session, project, replace(search, order=Order.NUMBER))
            if search.alike is None:
                assert found.image_ids.tolist() == expected, search
            assert sorted(found.image_ids.tolist()) == expected, search
            assert found.images == IMAGES
            found_something += 0 < len(expected) < IMAGES
    assert found_something > 25


def test_it_tells_of_which_labels_what_is_asked_holds(varied: Store) -> None:
    with varied.reading() as session:
        facts = known(session)
        search = Search(state=State.UNKNOWN, least=0.8)
        found = Catalog().find(session, session.get_one(Project, 1), search)
        met = found.met(0, len(found.image_ids))
        assert met is not None
        for column, image in enumerate(found.image_ids.tolist()):
            for row, label in enumerate(found.asked):
                assert met[row, column] == meets(facts, search, image, label.name, set())


ORDERED = [
    Search(order=Order.PROBABLE, label="cat"),
    Search(order=Order.IMPROBABLE, label="cat"),
    Search(order=Order.UNCERTAIN, label="cat"),
    Search(order=Order.PROBABLE),
    Search(order=Order.IMPROBABLE, state=State.UNKNOWN),
    Search(order=Order.UNCERTAIN),
    Search(order=Order.NEWEST),
    Search(order=Order.NEXT),
    Search(order=Order.NUMBER),
]


def test_every_order_is_the_one_of_a_loop(varied: Store) -> None:
    catalog = Catalog()
    with varied.reading() as session:
        facts, project = known(session), session.get_one(Project, 1)
        for search in ORDERED:
            found = catalog.find(session, project, search)
            expected = sorted(plainly(facts, search), key=partial(place, facts, search))
            assert found.image_ids.tolist() == expected, search


def place(known: Known, search: Search, image: int) -> tuple[float, float, int]:
    """How soon an image comes: the lowest first, and of several the lower number."""
    if search.order is Order.NUMBER:
        return (0, 0, image)
    if search.order is Order.NEWEST:
        return (-max((each.id for each in known.answers.get(image, [])), default=0), 0, image)
    if search.order is Order.NEXT:
        is_open = wanted(known, Search(answer=Answer.OPEN), image)
        return (*(known.turns.get(image, (math.inf, 0)) if is_open else (math.inf, 0)), image)
    keys = {
        Order.PROBABLE: lambda p: -p,
        Order.IMPROBABLE: lambda p: p,
        Order.UNCERTAIN: lambda p: abs(p - 0.5),
    }
    labels = [search.label] if search.label else known.labels
    met = [label for label in labels if meets(known, search, image, label, set())]
    chances = [known.chances[image, label] for label in met if (image, label) in known.chances]
    return (min(map(keys[search.order], chances), default=math.inf), 0, image)


def test_duplicates_stand_together(varied: Store) -> None:
    with varied.reading() as session:
        facts = known(session)
        found = Catalog().find(session, session.get_one(Project, 1), Search(alike=Alike.NEAR))
    groups = [facts.near[image] for image in found.image_ids.tolist()]
    assert groups == sorted(groups)
    assert len(set(groups)) > 2


@pytest.mark.parametrize("search", [Search(label="dog"), Search(label="x"), Search(version="v9")])
def test_what_the_project_does_not_have_is_refused(varied: Store, search: Search) -> None:
    with varied.reading() as session, pytest.raises(SearchError, match="The project has no"):
        Catalog().find(session, session.get_one(Project, 1), search)


def test_what_people_say_and_what_comes_is_found_at_once(varied: Store, annotate: Annotate) -> None:
    catalog, search = Catalog(), Search(state=State.PRESENT, order=Order.NUMBER)
    with varied.reading() as session:
        before = catalog.find(session, session.get_one(Project, 1), search).image_ids.tolist()
    with varied.session() as session:
        project = session.get_one(Project, 1)
        annotate(session, project, "cat", task=900, number=700)
        live = select(Annotation).where(Annotation.retired_at.is_(None)).order_by(Annotation.id)
        silenced = session.scalars(live.limit(1)).one()
        retire_annotation(session, project, silenced.studio_annotation or 0, NOON)
        sync_images(session, project.id, {950: "/data/950.jpg"})
        annotate(session, project, "tree", task=950, number=701)
    with varied.reading() as session:
        after = catalog.find(session, session.get_one(Project, 1), search).image_ids.tolist()
        assert after == plainly(known(session), search)
    assert len(set(after) - set(before)) == 2


def test_an_older_word_that_is_given_again_is_found(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    catalog, search = Catalog(), Search(state=State.PRESENT)
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, "cat", number=1, second=1)
        annotate(session, project, "-cat", number=2, second=2)
        assert len(catalog.find(session, project, search).image_ids) == 0
        annotate(session, project, "cat", number=1, second=3)
        assert len(catalog.find(session, project, search).image_ids) == 1


def test_a_vector_that_comes_later_is_found(varied: Store) -> None:
    catalog, search = Catalog(), Search(least=0.0)
    with varied.reading() as session:
        before = catalog.find(session, session.get_one(Project, 1), search).image_ids.tolist()
    with varied.session() as session:
        version = session.scalars(select(ModelVersion).where(ModelVersion.name == "v0002")).one()
        late = session.scalars(select(Image.id).where(Image.studio_task == 900)).one()
        store_vectors(session, version.id, [late], np.full((1, 4), 0.5, dtype=np.float32))
    with varied.reading() as session:
        after = catalog.find(session, session.get_one(Project, 1), search).image_ids.tolist()
    assert sorted(after) == sorted([*before, late])


def test_without_a_version_estimates_find_nothing_and_it_says_so(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        annotate(session, project, "cat")
        everything = Catalog().find(session, project, Search())
        probable = Catalog().find(session, project, Search(least=0.5))
        said = Catalog().find(session, project, Search(label="cat", state=State.PRESENT))
    assert (len(everything.image_ids), everything.notices) == (3, [])
    assert (len(probable.image_ids), len(said.image_ids)) == (0, 1)
    assert "no model version yet" in probable.notices[0]


def test_of_an_empty_project_nothing_is_found(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=0)
        for search in [*SEARCHES[:9], *ORDERED[:1], *ORDERED[3:]]:
            found = Catalog().find(session, project, search)
            assert (len(found.image_ids), found.images) == (0, 0)


def test_estimates_that_are_too_large_are_left_out_and_it_says_so(
    varied: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.dashboard.catalog.catalog.MOST_BYTES", 100)
    with varied.reading() as session:
        project = session.get_one(Project, 1)
        found = Catalog().find(session, project, Search(least=0.1))
        said = Catalog().find(session, project, Search(state=State.PRESENT))
    assert len(found.image_ids) == 0 < len(said.image_ids)
    assert "filters and orders by estimate find nothing" in found.notices[0]
