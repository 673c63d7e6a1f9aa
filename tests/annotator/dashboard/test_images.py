"""The grid of images and the page of one image: what people said, and what is estimated, are told apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard.images import A_PAGE
from annotator.store import (
    Annotation,
    Claim,
    Image,
    ModelVersion,
    Project,
    Source,
    Store,
    Suggested,
    Unusable,
    follow_file,
    live_labels,
    open_import,
    remove_images,
    retire_annotation,
    store_suggestions,
    store_vectors,
    sync_images,
)
from annotator.store.records import Observed
from tests.annotator.conftest import NOON

Annotate = Callable[..., Annotation | None]

BEFORE = [[0.2, 0.5, 0.1]] * 5
NOW = [[0.9, 0.4, 0.05], [0.1, 0.8, 0.3], [0.6, 0.2, 0.2], [0.3, 0.3, 0.3], [0.95, 0.1, 0.7]]


@pytest.fixture
def known(store: Store, project: Project, annotate: Annotate) -> Project:
    """Two versions of five images; task 1 shows a cat and no dog, task 2 is in conflict, task 3 skipped."""
    with store.session() as session:
        held = session.get_one(Project, project.id)
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        labels = live_labels(session, held.id)
        for name, vectors in (("v0001", BEFORE), ("v0002", NOW)):
            version = ModelVersion(
                project_id=held.id, name=name, labels=[label.name for label in labels], backbone="none",
                label_ids=[label.id for label in labels], folder=name, thresholds=[0.8, 0.7, 1.01],
            )  # fmt: skip
            session.add(version)
            session.flush()
            store_vectors(session, version.id, images, np.array(vectors, dtype=np.float32))
        store_suggestions(
            session,
            version.id,
            [
                Suggested(image, ["cat"], score, 0)
                for image, score in zip(images, (5, 4, 3, 2, 1), strict=True)
            ],
        )
        held.active_version_id = version.id
        annotate(session, held, "cat", "-dog", task=1, number=1, suggested_version="v0001")
        annotate(session, held, "cat", task=2, number=2)
        annotate(session, held, "-cat", task=2, number=3, annotator="bob@example.com")
        annotate(session, held, task=3, number=4, skipped=True)
    return held


def shown(text: str) -> str:
    """What a person reads, one space between words."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", text).split()))


def tile(page: str, task: int) -> str:
    """The part of a grid that shows an image."""
    found = [each for each in page.split('<li class="tile')[1:] if f'alt="{task}.png"' in each]
    assert len(found) == 1
    return shown(found[0].partition("</ul>")[0].partition(">")[2])


def grid(browser: FlaskClient, project: Project, query: str = "") -> str:
    answer = browser.get(f"/page/{project.key}/images{query}")
    assert answer.status_code == 200
    return answer.text


def tasks(page: str) -> list[int]:
    """Tasks in the order shown."""
    return [int(task) for task in re.findall(r'alt="(\d+)\.png"', page)]


def test_a_picture_says_what_people_say_and_what_is_estimated(browser: FlaskClient, known: Project) -> None:
    page = grid(browser, known)
    assert "people say present: cat" in tile(page, 1)
    assert "1 absent" in tile(page, 1)
    assert "estimated" not in tile(page, 1).replace("estimated: tree 5 %", "")
    assert "cat: they disagree" in tile(page, 2)
    assert "estimated: dog 80 %" in tile(page, 2)
    assert "skipped" in tile(page, 3)
    assert "estimated: cat 30 %" in tile(page, 4)
    assert "5 of 5 images" in shown(page)


def test_what_is_to_be_asked_comes_first(browser: FlaskClient, known: Project) -> None:
    assert tasks(grid(browser, known)) == [5, 4, 1, 2, 3]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?label=cat&state=present&order=number", [1]),
        ("?label=dog&state=absent", [1]),
        ("?label=cat&least=50&order=probable", [5, 1, 3]),
        ("?find=missing&order=number", [2, 5]),
        ("?state=conflict", [2]),
        ("?answer=skipped", [3]),
        ("?annotator=bob%40example.com", [2]),
        ("?shown=v0001&order=newest", [3, 2, 1]),
        ("?version=v0001&label=dog&least=50&order=number", [1, 2, 3, 4, 5]),
        ("?state=&label=&least=&order=number", [1, 2, 3, 4, 5]),
    ],
)
def test_a_link_finds_what_it_says(
    browser: FlaskClient, known: Project, query: str, expected: list[int]
) -> None:
    assert tasks(grid(browser, known, query)) == expected


def test_filters_in_force_can_be_taken_away_one_by_one(browser: FlaskClient, known: Project) -> None:
    page = grid(browser, known, "?label=cat&state=present&least=20&most=95&order=number")
    chips = re.findall(r'<li><a href="([^"]*)">([^<]*)<span', page)
    assert {unescape(words) for _, words in chips} == {
        "label cat",
        "people say present",
        "estimated from 20 % to 95 %",
    }
    without = {words: unescape(link).partition("?")[2] for link, words in chips}
    assert without["label cat"] == "state=present&least=20&most=95&order=number"
    assert without["estimated from 20 % to 95 %"] == "label=cat&state=present&order=number"


def test_the_form_shows_what_is_in_force(browser: FlaskClient, known: Project) -> None:
    page = grid(browser, known, "?label=cat&find=missing&order=uncertain&annotator=bob%40example.com")
    assert page.count(" selected") == 4
    assert '<option value="cat" selected>' in page
    assert "<details open>" in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?state=maybe", "it can be present, absent, unknown, conflict"),
        ("?label=zebra", "no label 'zebra'"),
        ("?version=v9", "no version 'v9'"),
        ("?least=much", "a number from 0 to 100"),
        ("?page=zero", "counted from 1"),
    ],
)
def test_a_link_that_cannot_be_read_is_a_page_that_says_why(
    browser: FlaskClient, known: Project, query: str, told: str
) -> None:
    for path in ("images", "images/1"):
        answer = browser.get(f"/page/{known.key}/{path}{query}")
        assert answer.status_code == 400
        assert told in unescape(answer.text)


def test_nothing_found_says_so(browser: FlaskClient, known: Project) -> None:
    assert "No image is like that" in grid(browser, known, "?alike=near")


def test_without_a_version_nothing_is_estimated(browser: FlaskClient, project: Project) -> None:
    page = grid(browser, project)
    assert len(tasks(page)) == 5
    assert "guessed" not in page.partition('<ol class="grid"')[2]
    assert "no model version yet" in grid(browser, project, "?least=10")


def test_a_project_without_images_says_so(browser: FlaskClient, project: Project, store: Store) -> None:
    with store.session() as session:
        remove_images(session, project.id, range(1, 6))
    assert "no images yet" in grid(browser, project)


def test_pages_hold_sixty_and_lead_to_each_other(
    browser: FlaskClient, project: Project, store: Store
) -> None:
    with store.session() as session:
        sync_images(session, project.id, {task: f"/data/{task}.png" for task in range(6, 131)})
    first, last = grid(browser, project, "?order=number"), grid(browser, project, "?order=number&page=3")
    assert (len(tasks(first)), len(tasks(last))) == (A_PAGE, 10)
    assert 'rel="prev"' not in first
    assert 'rel="next" href="/page/p1/images?order=number&amp;page=2"' in first
    assert 'rel="next"' not in last
    assert tasks(grid(browser, project, "?order=number&page=99")) == tasks(last)


def test_what_cannot_be_used_says_why(browser: FlaskClient, known: Project, store: Store) -> None:
    with store.session() as session:
        image = session.get_one(Image, 4)
        image.unusable, image.problem = Unusable.MISSING, "There is no file 4.png."
    assert "Cannot be used: missing" in tile(grid(browser, known, "?problem=any"), 4)
    assert "There is no file 4.png." in one(browser, known, 4)


def one(browser: FlaskClient, project: Project, image: int, query: str = "") -> str:
    answer = browser.get(f"/page/{project.key}/images/{image}{query}")
    assert answer.status_code == 200
    return answer.text


def row(page: str, label: str) -> str:
    """What the table says of a label."""
    (found,) = [
        each for each in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f'<th scope="row">{label}<' in each
    ]
    return shown(re.sub(r"<svg.*?</svg>", "", found, flags=re.DOTALL))


def test_a_vector_tells_people_from_estimates_and_now_from_before(
    browser: FlaskClient, known: Project
) -> None:
    page = one(browser, known, 1)
    assert row(page, "cat") == "cat ann@example.com, tag, 2026-05-04 12:00 UTC present 90 % 20 % +70"
    assert row(page, "dog") == "dog ann@example.com, rejected, 2026-05-04 12:00 UTC absent 40 % 50 % -10"
    assert row(page, "tree") == "tree unknown 5 % 10 % -5"
    assert (
        "cat: people say present, estimated 90 %, 20 % by the version before, suggested from 80 % on" in page
    )
    assert "tree: not known by people, estimated 5 %, 10 % by the version before<" in page


def test_a_label_of_which_annotators_disagree_says_who_says_what(
    browser: FlaskClient, known: Project
) -> None:
    told = row(one(browser, known, 2), "cat")
    assert "they disagree" in told
    assert "present: ann@example.com" in told
    assert "absent: bob@example.com" in told


def test_every_answer_is_told_also_what_does_not_hold_any_more(
    browser: FlaskClient, known: Project, store: Store, annotate: Annotate
) -> None:
    with store.session() as session:
        held = session.get_one(Project, known.id)
        annotate(session, held, "tree", task=1, number=1, second=60)
        annotate(session, held, "dog", task=1, number=9, annotator="bob@example.com")
        retire_annotation(session, held, 9, NOON)
    text = shown(one(browser, known, 1))
    answers = text.partition("Answers")[2]
    assert answers.count("not valid any more") == 2
    assert "present: tree tag" in answers
    assert "In sight: v0001 with cat." in answers


def test_what_files_say_is_told_as_such(browser: FlaskClient, known: Project, store: Store) -> None:
    with store.session() as session:
        record = open_import(session, known.id, name="/a.csv", form="csv", claim=Claim.COMPLETE, digest="1")
        labels = [label.id for label in live_labels(session, known.id)]
        follow_file(session, [record.id], [4], labels, np.array([[1, 0, -1]], dtype=np.int8))
    page = one(browser, known, 4)
    assert row(page, "cat").startswith("cat a file, imported")
    assert "/a.csv" in page


def test_it_leads_to_the_task_in_label_studio(browser: FlaskClient, known: Project) -> None:
    assert 'href="http://studio.test/projects/7/data?task=2"' in one(browser, known, 2)


@pytest.mark.parametrize(
    ("image", "query", "neighbours", "where"),
    [
        (2, "?order=number", {"prev": "1", "next": "3"}, "2 of 5"),
        (1, "?order=number", {"next": "2"}, "1 of 5"),
        (5, "?order=number", {"prev": "4"}, "5 of 5"),
        (2, "?find=missing&order=number", {"next": "5"}, "1 of 2"),
        (3, "?find=missing&order=number&place=1", {"prev": "2", "next": "5"}, "not among these 2"),
        (3, "?find=missing&order=number&place=99", {"prev": "5"}, "not among these 2"),
        (3, "?find=missing&order=number&place=x", {"next": "2"}, "not among these 2"),
    ],
)
def test_neighbours_are_those_of_the_search(
    browser: FlaskClient, known: Project, image: int, query: str, neighbours: dict[str, str], where: str
) -> None:
    page = one(browser, known, image, query)
    assert dict(re.findall(r'rel="(prev|next)" href="/page/p1/images/(\d+)\?', page)) == neighbours
    assert where in shown(page)
    assert "find=missing" in page or "find=missing" not in query


@pytest.mark.parametrize("path", ["99", "0", "9" * 19, "x", "-1"])
def test_an_image_that_is_not_there_is_a_page_that_says_so(
    browser: FlaskClient, known: Project, path: str
) -> None:
    assert browser.get(f"/page/{known.key}/images/{path}").status_code == 404


def test_an_image_of_another_project_is_not_there(browser: FlaskClient, known: Project, store: Store) -> None:
    with store.session() as session:
        other = Project(
            studio_url="http://studio.test", studio_project=8, title="Plants", label_config="<View/>"
        )
        session.add(other)
        session.flush()
        sync_images(session, other.id, {1: "/data/x.png"})
        image = session.scalars(select(Image.id).where(Image.project_id == other.id)).one()
    assert browser.get(f"/page/{known.key}/images/{image}").status_code == 404


def test_names_are_text_and_never_html(
    browser: FlaskClient, known: Project, store: Store, annotate: Annotate
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with store.session() as session:
        session.get_one(Image, 1).uri = f"/data/{evil}"
        observed = [Observed("cat", 1, Source.TAG)]
        annotate(
            session, session.get_one(Project, known.id), task=4, number=8, observed=observed, annotator=evil
        )
    for page in (grid(browser, known), one(browser, known, 1), one(browser, known, 4)):
        assert evil not in page
