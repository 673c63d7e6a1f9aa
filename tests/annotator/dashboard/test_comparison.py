"""What changed between two versions, on the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard import catalog
from annotator.store import Annotation, Image, Project, Store, live_labels, remove_images, sync_labels
from tests.annotator.dashboard.made_versions import add_version
from tests.annotator.dashboard.test_versions import FIRST, SECOND, words

Annotate = Callable[..., Annotation | None]

BEFORE = [[0.9, 0.1, 0.5], [0.9, 0.5, 0.5], [0.1, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
NOW = [[0.1, 0.1, 0.5], [0.9, 0.9, 0.5], [0.1, 0.5, 0.5], [0.7, 0.5, 0.5], [0.5, 0.5, 0.5]]
"""Of task 1 the cat is gone, on task 2 there is a dog now, task 4 has a cat by the lower threshold."""


@pytest.fixture
def two(store: Store, project: Project) -> Project:
    with store.session() as session:
        add_version(session, project, FIRST, BEFORE, [0.8, 0.7, 1.01])
        add_version(session, project, SECOND, NOW, [0.6, 0.7, 1.01])
    return project


def flips(browser: FlaskClient, project: Project, query: str = "") -> str:
    answer = browser.get(f"/page/{project.key}/versions/{FIRST}/{SECOND}/flips{query}")
    assert answer.status_code == 200
    return answer.text


def tasks(store: Store, page: str) -> list[int | None]:
    """The tasks of the images that are shown, in their order."""
    with store.reading() as session:
        by_id = {image.id: image.studio_task for image in session.scalars(select(Image))}
    return [by_id[int(image)] for image in re.findall(r"/thumbnail/(\d+)\?", page)]


def row(page: str, label: str) -> str:
    rows = [words(f"<tr{each}") for each in page.replace("</tr>", "<tr").split("<tr")]
    return next(each for each in rows if f"{label} " in each)


def test_flips_are_told_by_label_and_both_ways(browser: FlaskClient, two: Project) -> None:
    page = flips(browser, two)
    assert "3 of 5 images that both estimated" in words(page)
    # Thresholds; present now, no longer; absent now, no longer.
    assert row(page, "cat").endswith("cat 0.800 0.600 1 1 1 0")
    assert row(page, "dog").endswith("dog 0.700 0.700 1 0 0 0")
    assert row(page, "tree").endswith("tree not earned not earned 0 0 0 0")
    assert "Once the one turned into the other" in words(page)


def test_images_that_moved_furthest_come_first(browser: FlaskClient, store: Store, two: Project) -> None:
    page = flips(browser, two)
    assert tasks(store, page) == [1, 2, 4]
    assert "cat : present 90 % → absent 10 %" in words(page)


def test_one_label_shows_its_images_alone(browser: FlaskClient, store: Store, two: Project) -> None:
    with store.reading() as session:
        dog = next(label for label in live_labels(session, two.id) if label.name == "dog")
    page = flips(browser, two, f"?label={dog.id}")
    assert tasks(store, page) == [2]
    assert row(page, "cat").endswith("cat 0.800 0.600 1 1 1 0")  # the table stays whole
    assert browser.get(f"/page/{two.key}/versions/{FIRST}/{SECOND}/flips?label=99").status_code == 404


def test_what_people_say_stands_beside(
    browser: FlaskClient, store: Store, two: Project, annotate: Annotate
) -> None:
    with store.session() as session:
        held = session.get_one(Project, two.id)
        annotate(session, held, "-cat", task=1, number=1)
        annotate(session, held, "tree", task=4, number=2)
    text = words(flips(browser, two))
    assert text.count("people say") == 1
    assert "cat : present 90 % → absent 10 % people say absent" in text


def test_removed_images_and_archived_labels_do_not_count(
    browser: FlaskClient, store: Store, two: Project
) -> None:
    with store.session() as session:
        remove_images(session, two.id, [1])
        sync_labels(session, session.get_one(Project, two.id), ["cat", "tree"])
    page = flips(browser, two)
    assert tasks(store, page) == [4]
    assert "1 of 4 images" in words(page)
    assert "dog" not in words(page)


def test_a_label_that_one_does_not_know_is_named(browser: FlaskClient, store: Store, two: Project) -> None:
    with store.session() as session:
        sync_labels(session, session.get_one(Project, two.id), ["cat", "dog", "tree", "young"])
    assert "one of the two does not know them: young." in words(flips(browser, two))


def test_the_page_comes_at_once_and_what_changed_follows_or_is_waited_for(
    browser: FlaskClient, two: Project
) -> None:
    address = f"/page/{two.key}/versions/{FIRST}/{SECOND}"
    page = browser.get(address).text
    assert f'data-load="{address}/flips"' in page
    assert "3 of 5 images" not in words(page)
    assert "3 of 5 images" in words(browser.get(f"{address}?wait=1").text)


def test_a_form_leads_to_the_comparison(browser: FlaskClient, two: Project) -> None:
    answer = browser.get(f"/page/{two.key}/compare?a={FIRST}&b={SECOND}")
    assert (answer.status_code, answer.location) == (303, f"/page/{two.key}/versions/{FIRST}/{SECOND}")
    assert browser.get(f"/page/{two.key}/compare?a={FIRST}").status_code == 400


@pytest.mark.parametrize("path", [f"v9/{FIRST}", f"{FIRST}/v9", f"{FIRST}/v9/flips"])
def test_a_version_that_is_not_there_is_not_found(browser: FlaskClient, two: Project, path: str) -> None:
    assert browser.get(f"/page/{two.key}/versions/{path}").status_code == 404


def test_a_version_that_was_let_go_is_said_to_be_partial(
    browser: FlaskClient, store: Store, project: Project
) -> None:
    with store.session() as session:
        add_version(session, project, FIRST, BEFORE[:1], [0.8, 0.7, 1.01], folder="")
        add_version(session, project, SECOND, NOW, [0.6, 0.7, 1.01])
    text = words(browser.get(f"/page/{project.key}/versions/{FIRST}/{SECOND}?wait=1").text)
    assert "v0001 was let go" in text
    assert "1 of 1 images that both estimated" in text


def test_estimates_that_do_not_fit_into_memory_are_not_compared(
    browser: FlaskClient, two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.catalog, "MOST_BYTES", 10)
    assert "too much memory" in words(flips(browser, two))
