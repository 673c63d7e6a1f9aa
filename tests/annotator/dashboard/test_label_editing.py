"""A person changes a label on the page, after the page has said what follows."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard import Page
from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config, parse_config
from annotator.store import Image, Label, Observed, Project, Source, Store, Submission, record_annotation
from annotator.store.types import utc_now
from tests.annotator.labelstudio.standing import Standing

LABELS = ("cat", "dog", "tree")


@pytest.fixture
def studio() -> Standing:
    return Standing(build_config(LABELS))


@pytest.fixture
def page(page: Page, studio: Any) -> Page:
    return replace(page, studio=lambda: studio)


@pytest.fixture
def dog(store: Store, project: Project) -> int:
    """The label, said to be on the first image and not on the second."""
    with store.session() as session:
        row = session.get_one(Project, project.id)
        images = session.scalars(select(Image).order_by(Image.id)).all()
        for image, value, source in zip(images, (1, -1), (Source.TAG, Source.COMPLETE), strict=False):
            said = [Observed("dog", value, source)]
            record_annotation(
                session,
                row,
                image,
                Submission(image.studio_task, [], False, "Bob", 2.0, None, None, said, utc_now()),
            )
        return session.scalars(select(Label.id).where(Label.name == "dog")).one()


def names(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(Label.name).order_by(Label.position)))


def test_what_follows_is_said_before_a_label_is_renamed(
    store: Store, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    asked = browser.get(f"/page/p1/labels/{dog}/rename", query_string={"name": " hound "}).text
    assert "2 observations of it on 2 images" in asked
    assert "Label Studio goes on writing <code>dog</code>" in asked
    assert 'name="name" value="hound"' in asked
    assert parse_config(studio.label_config).labels == LABELS
    assert names(store) == list(LABELS)


def test_a_renamed_label_has_its_new_name_here_and_in_label_studio(
    store: Store, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    assert browser.get(f"/page/p1/labels/{dog}").status_code == 200  # and its figures are remembered
    answer = browser.post(f"/page/p1/labels/{dog}/rename", data={"name": "hound"})
    assert answer.status_code == 303
    shown = browser.get(answer.location).text
    assert "<h1>hound</h1>" in shown
    assert "has its new name" in shown
    asked = browser.get(f"/page/p1/labels/{dog}/archive").text
    assert re.search(r"It was called dog \(until .*, renamed by Ann\)", asked)
    assert parse_config(studio.label_config).labels == ("cat", "hound", "tree")
    assert names(store) == ["cat", "hound", "tree"]


@pytest.mark.parametrize("name", ["", "dog", "CAT", "do\u200bg", "$dog", "x" * 601])
def test_a_name_that_it_cannot_have_is_refused_with_the_reason(
    store: Store, dog: int, browser: FlaskClient, studio: Standing, name: str
) -> None:
    asked = browser.get(f"/page/p1/labels/{dog}/rename", query_string={"name": name})
    assert asked.status_code == 409
    assert "See what renaming does" in asked.text
    answer = browser.post(f"/page/p1/labels/{dog}/rename", data={"name": name})
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    assert parse_config(studio.label_config).labels == LABELS
    assert names(store) == list(LABELS)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'\"><img src=x>", "{{ 7 * 7 }}", "../../etc"])
def test_a_hostile_name_is_a_name_and_nothing_else(dog: int, browser: FlaskClient, name: str) -> None:
    asked = browser.get(f"/page/p1/labels/{dog}/rename", query_string={"name": name}).text
    answer = browser.post(f"/page/p1/labels/{dog}/rename", data={"name": name})
    shown = browser.get(answer.location).text
    listed = browser.get("/page/p1/labels").text
    for page in (asked, shown, listed):
        assert name in unescape(page)
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert ">49<" not in page


def test_where_label_studio_is_away_nothing_is_changed(
    store: Store, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    studio.failure = OnetagError("Label Studio is away.", "Start it.")
    answer = browser.post(f"/page/p1/labels/{dog}/rename", data={"name": "hound"})
    assert answer.status_code == 409
    assert "Label Studio is away." in answer.text
    assert names(store) == list(LABELS)


def test_a_label_is_archived_and_brought_back(
    store: Store, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    asked = browser.get(f"/page/p1/labels/{dog}/archive").text
    assert "2 observations of it on 2 images" in asked
    assert "no longer asked, suggested, trained or exported" in asked
    answer = browser.post(f"/page/p1/labels/{dog}/archive")
    assert answer.status_code == 303
    listed = browser.get(answer.location).text
    assert "<q>dog</q> is archived." in listed
    assert "Bring dog back" in listed
    assert "by Ann" in listed
    assert parse_config(studio.label_config).labels == ("cat", "tree")
    assert browser.get(f"/page/p1/labels/{dog}").status_code == 404

    asked = browser.get(f"/page/p1/labels/{dog}/bring-back").text
    assert "2 observations of it on 2 images" in asked
    answer = browser.post(f"/page/p1/labels/{dog}/bring-back")
    assert "The label is back." in browser.get(answer.location).text
    assert parse_config(studio.label_config).labels == ("cat", "tree", "dog")
    assert browser.post(f"/page/p1/labels/{dog}/bring-back").status_code == 404


def test_a_label_is_merged_into_another_one(
    store: Store, project: Project, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    with store.session() as session:
        row, image = session.get_one(Project, project.id), session.scalars(select(Image)).first()
        assert image is not None
        tree = session.scalars(select(Label.id).where(Label.name == "tree")).one()
        said = [Observed("dog", 1, Source.TAG), Observed("tree", -1, Source.COMPLETE)]
        tag = {"id": "r", "from_name": "label", "to_name": "image", "type": "choices", "origin": "manual"}
        region = {**tag, "value": {"choices": ["dog"]}}
        sent = Submission(9, [region], False, "Bob", 2.0, None, None, said, utc_now())
        record_annotation(session, row, image, sent)
    asked = browser.get(f"/page/p1/labels/{dog}/merge", query_string={"into": tree}).text
    assert "Images that are said to show <q>dog</q>: 1." in asked
    assert "the same person said that <q>dog</q> is there and <q>tree</q> is not: 1." in asked
    answer = browser.post(f"/page/p1/labels/{dog}/merge", data={"into": tree})
    assert answer.status_code == 303, answer.text
    merged_page = browser.get(answer.location).text
    assert "Another label counts for this one now" in merged_page
    assert "What is said of <q>dog</q> counts for it." in merged_page
    assert "merged into tree" in browser.get("/page/p1/labels").text
    assert parse_config(studio.label_config).labels == ("cat", "tree")
    with store.reading() as session:
        merged = session.get_one(Label, dog)
        assert (merged.merged_into_id, merged.archived_by) == (tree, "Ann")
    assert "It was merged into <q>tree</q>." in browser.get(f"/page/p1/labels/{dog}/bring-back").text
    browser.post(f"/page/p1/labels/{dog}/bring-back")
    with store.reading() as session:
        assert session.get_one(Label, dog).merged_into_id is None


def test_a_label_that_was_merged_twice_over_counts_for_the_last(
    store: Store, dog: int, browser: FlaskClient, studio: Standing
) -> None:
    with store.reading() as session:
        numbers = {label.name: label.id for label in session.scalars(select(Label))}
    for label, into in (("dog", "tree"), ("tree", "cat")):
        address = f"/page/p1/labels/{numbers[label]}/merge"
        assert browser.post(address, data={"into": numbers[into]}).status_code == 303
    shown = browser.get(f"/page/p1/labels/{numbers['cat']}").text
    assert "What is said of <q>dog</q>, <q>tree</q> counts for it." in shown
    assert browser.get("/page/p1/labels").text.count("merged into cat") == 2
    assert "It was merged into <q>cat</q>." in browser.get(f"/page/p1/labels/{dog}/bring-back").text


@pytest.mark.parametrize(("into", "status"), [("", 404), ("99", 404), ("dog", 409)])
def test_what_a_label_cannot_be_merged_into_is_refused(
    store: Store, dog: int, browser: FlaskClient, studio: Standing, into: str, status: int
) -> None:
    into = str(dog) if into == "dog" else into
    assert browser.get(f"/page/p1/labels/{dog}/merge", query_string={"into": into}).status_code == status
    assert browser.post(f"/page/p1/labels/{dog}/merge", data={"into": into}).status_code == status
    assert parse_config(studio.label_config).labels == LABELS


def test_the_last_label_stays(store: Store, dog: int, browser: FlaskClient, studio: Standing) -> None:
    studio.label_config = build_config(["dog"])
    answer = browser.post(f"/page/p1/labels/{dog}/archive")
    assert answer.status_code == 409
    assert "the only label" in answer.text
    assert parse_config(studio.label_config).labels == ("dog",)


def test_who_may_only_look_sees_no_form_and_changes_nothing(
    store: Store, dog: int, onlooker: FlaskClient
) -> None:
    assert "Change the label" not in onlooker.get(f"/page/p1/labels/{dog}").text
    assert onlooker.get(f"/page/p1/labels/{dog}/rename?name=hound").status_code == 403
    for change in ("rename", "archive", "merge", "bring-back"):
        assert onlooker.get(f"/page/p1/labels/{dog}/{change}").status_code == 403
        assert onlooker.post(f"/page/p1/labels/{dog}/{change}", data={"name": "hound"}).status_code == 403
    assert names(store) == list(LABELS)


def test_a_change_without_the_token_of_a_page_of_ours_is_refused(
    store: Store, dog: int, browser: FlaskClient
) -> None:
    del browser.environ_base["HTTP_X_CSRF_TOKEN"]
    for change in ("rename", "archive", "merge", "bring-back"):
        assert browser.post(f"/page/p1/labels/{dog}/{change}", data={"name": "hound"}).status_code == 403
    assert names(store) == list(LABELS)


def test_a_label_that_is_not_there_is_not_found(browser: FlaskClient, dog: int) -> None:
    assert browser.get("/page/p1/labels/99/rename?name=hound").status_code == 404
    assert browser.post("/page/p1/labels/99/rename", data={"name": "hound"}).status_code == 404
