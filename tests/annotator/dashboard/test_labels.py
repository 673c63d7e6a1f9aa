"""What the page says of labels."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.dashboard import Page
from annotator.dashboard import labels as view
from annotator.errors import OnetagError
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
from annotator.store.states import Review
from annotator.store.thresholds import held_thresholds
from annotator.store.types import utc_now

CHANCES = [[0.9, 0.25, 0.5], [0.75, 0.5, 0.25], [0.5, 0.75, 0.25], [0.25, 0.125, 0.0], [0.125, 0.0, 0.0]]


class Asks:
    """Counts how often the worker was asked to bring thresholds into use, or fails as it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None

    def __call__(self) -> None:
        self.count += 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def asks() -> Asks:
    return Asks()


@pytest.fixture
def page(page: Page, asks: Asks) -> Page:
    return replace(page, adjust_thresholds=asks)


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each label of the list, in their order: text alone."""
    table = re.search(r"<table>.*?</table>", page, re.DOTALL)
    assert table is not None
    found = {}
    for row in Xml.fromstring(table[0]).iter("tr"):
        cells = [" ".join(" ".join(cell.itertext()).split()) for cell in row]
        if row.find("td") is not None:
            found[cells[0]] = cells[1:]
    return found


@pytest.fixture
def version(store: Store, project: Project) -> ModelVersion:
    """A version in use, whose tree has not earned to be suggested."""
    with store.session() as session:
        names = live_labels(session, project.id)
        made = ModelVersion(
            project_id=project.id,
            name="v0001-20261122T214500",
            labels=[label.name for label in names],
            label_ids=[label.id for label in names],
            folder="",
            backbone="none",
            thresholds=[0.7, 0.5, 1.01],
        )
        session.add(made)
        session.flush()
        images = session.scalars(select(Image.id).order_by(Image.id)).all()
        store_vectors(session, made.id, images, np.array(CHANCES, dtype=np.float32))
        session.get_one(Project, project.id).active_version_id = made.id
    return made


def answer(
    session: Session, project: Project, task: int, *said: Observed, review: Review | None = None
) -> None:
    """An answer to what v0001 had suggested."""
    image = session.scalars(select(Image).where(Image.studio_task == task)).one()
    shown = ("v0001-20261122T214500", ["cat"])
    submission = Submission(
        *(task, [{"task": task}], False, "ann", 3.0, *shown), observed=said, at=utc_now(), review=review
    )
    record_annotation(session, project, image, submission)


def complete(session: Session, project: Project, task: int, **present: bool) -> None:
    """All labels marked."""
    said = [
        Observed(name, 1 if there else -1, Source.CONFIRMED if there else Source.COMPLETE)
        for name, there in present.items()
    ]
    answer(session, project, task, *said, review=Review.ALL_LABELS)


def test_before_a_model_there_are_counts_and_no_estimates(
    store: Store, project: Project, browser: FlaskClient
) -> None:
    with store.session() as session:
        answer(session, project, 1, Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.ANSWERED))
    page = browser.get("/page/p1/labels").text
    assert rows(page)["cat"] == ["1", "0", "4", "-", "-", "-", "-", "-"]
    assert rows(page)["dog"][:3] == ["0", "1", "4"]
    assert "No model has been trained yet" in page


def test_people_and_estimates_are_told_apart_with_what_they_rest_on(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    with store.session() as session:
        complete(session, project, 1, cat=True, dog=False, tree=False)
        complete(session, project, 2, cat=False, dog=True, tree=False)
    cat = rows(browser.get("/page/p1/labels").text)["cat"]
    assert cat[:3] == ["1", "1", "3"]
    share = (1 + 0 + 0.5 + 0.25 + 0.125) / 5
    assert cat[3].startswith(f"{100 * share:.0f} % ")
    assert cat[3].endswith("estimated")
    assert cat[4] == "1.00 on 2, 1 show it"
    assert cat[6:] == ["0.70", "0"]


def test_a_label_that_has_not_earned_it_is_never_suggested(
    project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    found = rows(browser.get("/page/p1/labels").text)
    assert found["tree"][6:] == ["never not earned", "0"]
    assert found["dog"][6:] == ["0.50", "2"]


def test_answered_suggestions_tell_how_many_were_right(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    with store.session() as session:
        for task, value, source in ((1, 1, Source.CONFIRMED), (2, -1, Source.REJECTED)):
            answer(session, project, task, Observed("cat", value, source), review=Review.SUGGESTIONS)
    assert rows(browser.get("/page/p1/labels").text)["cat"][5] == "50 % 9 % to 91 %, of 2"


def test_the_list_can_be_ordered_and_says_by_what(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    with store.session() as session:
        answer(session, project, 1, Observed("tree", 1, Source.TAG))
    assert list(rows(browser.get("/page/p1/labels").text)) == ["cat", "dog", "tree"]
    page = browser.get("/page/p1/labels?by=present").text
    assert next(iter(rows(page))) == "tree"
    assert page.count("aria-sort") == 1
    assert list(rows(browser.get("/page/p1/labels?by=nonsense").text)) == ["cat", "dog", "tree"]
    for order in view.ORDERS:
        assert set(rows(browser.get(f"/page/p1/labels?by={order}").text)) == {"cat", "dog", "tree"}


def test_of_many_images_the_page_comes_first_and_the_figures_follow(
    project: Project, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "FEW", 2)
    page = browser.get("/page/p1/labels?by=name").text
    assert "<table>" not in page
    assert 'data-load="/page/p1/labels/table?by=name"' in page
    assert set(rows(browser.get("/page/p1/labels/table?by=name").text)) == {"cat", "dog", "tree"}
    assert "<table>" in browser.get("/page/p1/labels").text  # they are known now


def test_without_a_script_one_can_wait_for_them(
    project: Project, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "FEW", 2)
    assert "wait=1" in browser.get("/page/p1/labels").text
    assert "<table>" in browser.get("/page/p1/labels?wait=1").text


def test_one_label_shows_its_figures_its_charts_and_what_each_threshold_would_do(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    with store.session() as session:
        complete(session, project, 1, cat=True, dog=False, tree=False)
    number = version.label_ids[0]
    page = browser.get(f"/page/p1/labels/{number}").text
    assert "<h1>cat</h1>" in page
    assert "from a chance of <strong>70.0 %</strong> on" in page
    steps = dict(re.findall(r'<tr data-percent="(\d+)">.*?<td class="n">(\d+)</td>', page, re.DOTALL))
    assert (steps["50"], steps["76"], steps["13"]) == ("2", "0", "3")  # the first image is known
    assert page.count('role="img"') == 3
    assert f"/page/p1/labels/{version.label_ids[1]}" in page  # the next one


def test_one_label_before_a_model(project: Project, browser: FlaskClient, store: Store) -> None:
    with store.reading() as session:
        number = live_labels(session, project.id)[0].id
    page = browser.get(f"/page/p1/labels/{number}").text
    assert "No model has been trained with this label yet" in page


@pytest.mark.parametrize("address", ["/page/p1/labels/999999", "/page/p9/labels", "/page/p1/labels/-1"])
def test_what_is_not_there_is_not_found(project: Project, browser: FlaskClient, address: str) -> None:
    assert browser.get(address).status_code == 404


def test_an_archived_label_and_one_of_another_project_are_not_found(
    store: Store, project: Project, browser: FlaskClient
) -> None:
    with store.session() as session:
        other = Project(title="Other", label_config="<View/>")
        session.add(other)
        session.flush()
        sync_labels(session, other, ["boat"])
        sync_labels(session, session.get_one(Project, project.id), ["cat"])
        boat = live_labels(session, other.id)[0].id
    assert browser.get(f"/page/p1/labels/{boat}").status_code == 404
    assert browser.get(f"/page/p{other.id}/labels/{boat}").status_code == 200


def test_which_labels_come_together_is_drawn_by_people_and_as_estimated(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    with store.session() as session:
        complete(session, project, 1, cat=True, dog=True, tree=False)
    page = browser.get("/page/p1/labels/together").text
    assert page.count('role="img"') == 2
    assert "Labels that come together, as people said" in page
    assert "100 %" in page


def test_names_of_labels_are_escaped_everywhere(store: Store, project: Project, browser: FlaskClient) -> None:
    name = "<img src=x onerror=alert(1)>"
    with store.session() as session:
        sync_labels(session, session.get_one(Project, project.id), [name, "dog"])
        number = live_labels(session, project.id)[0].id
    for address in ("labels", "labels/together", f"labels/{number}"):
        page = browser.get(f"/page/p1/{address}").text
        assert "<img" not in page
        assert "&lt;img" in page


def test_nothing_needs_an_inline_style_or_script(
    project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    for address in ("labels", "labels/together", f"labels/{version.label_ids[0]}"):
        page = browser.get(f"/page/p1/{address}").text
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*src=)", page)


def post(browser: FlaskClient, label: int, **form: str) -> str:
    """Sends the threshold's form, and shows the page that it leads to."""
    answer = browser.post(f"/page/p1/labels/{label}/threshold", data=form)
    assert answer.status_code == 303, answer.text
    return browser.get(answer.location).text


def test_a_person_sets_a_threshold_and_takes_it_back(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient, asks: Asks
) -> None:
    cat = version.label_ids[0]
    page = post(browser, cat, set="value", percent="40")
    assert "Ann set 40.0 % on" in page
    assert "The training would suggest from 70.0 % on" in page
    assert asks.count == 1
    with store.reading() as session:
        held = held_thresholds(session, project.id)
    assert [(label, each.value, each.set_by) for label, each in held.items()] == [(cat, 0.4, "Ann")]
    assert rows(browser.get("/page/p1/labels").text)["cat"][6] == "0.70 set by a person"
    page = post(browser, cat, set="back")
    assert "The training's own threshold holds again" in page
    with store.reading() as session:
        assert held_thresholds(session, project.id) == {}


def test_a_label_can_be_kept_from_being_suggested(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    assert "Ann set that it is never suggested" in post(browser, version.label_ids[0], set="never")


def test_the_page_tells_while_the_version_in_use_does_not_follow_yet(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient
) -> None:
    cat = version.label_ids[0]
    with store.session() as session:
        session.get_one(ModelVersion, version.id).folder = "versions/v0001"
    assert "as soon as the worker has made its suggestions anew" in post(
        browser, cat, set="value", percent="40"
    )
    assert "does not follow yet" in browser.get(f"/page/p1/labels/{cat}").text
    with store.session() as session:
        row = session.get_one(ModelVersion, version.id)
        row.learned_thresholds, row.thresholds = row.thresholds, [0.4, *row.thresholds[1:]]
    page = browser.get(f"/page/p1/labels/{cat}").text
    assert "does not follow yet" not in page
    assert "from a chance of <strong>40.0 %</strong> on" in page


def test_it_is_kept_where_the_worker_cannot_be_asked(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient, asks: Asks
) -> None:
    asks.failure = OnetagError("The job queue cannot be reached.", "Start it.")
    assert "Ann set 40.0 %" in post(browser, version.label_ids[0], set="value", percent="40")


@pytest.mark.parametrize(
    "form",
    [
        {"set": "value", "percent": "0"},
        {"set": "value", "percent": "101"},
        {"set": "value", "percent": "4.5"},
        {"set": "value", "percent": "٤٠"},
        {"set": "value"},
        {"set": "nonsense", "percent": "40"},
        {},
    ],
)
def test_what_is_no_threshold_is_refused(
    store: Store, project: Project, version: ModelVersion, browser: FlaskClient, form: dict[str, str]
) -> None:
    answer = browser.post(f"/page/p1/labels/{version.label_ids[0]}/threshold", data=form)
    assert answer.status_code == 400
    with store.reading() as session:
        assert held_thresholds(session, project.id) == {}


def test_who_only_looks_sets_nothing_and_is_offered_nothing(
    store: Store, project: Project, version: ModelVersion, onlooker: FlaskClient
) -> None:
    cat = version.label_ids[0]
    answer = onlooker.post(f"/page/p1/labels/{cat}/threshold", data={"set": "never"})
    assert answer.status_code == 403
    assert "<form" not in onlooker.get(f"/page/p1/labels/{cat}").text.partition("<main")[2]
    with store.reading() as session:
        assert held_thresholds(session, project.id) == {}


def test_a_threshold_of_a_label_that_is_not_there_is_not_found(
    project: Project, browser: FlaskClient
) -> None:
    assert browser.post("/page/p1/labels/99/threshold", data={"set": "never"}).status_code == 404
