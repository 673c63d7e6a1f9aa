"""Answering on the page, as its forms and its script send it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard import Page
from annotator.errors import OnetagError
from annotator.store import (
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Role,
    Source,
    Store,
    live_labels,
    store_vectors,
)

JSON = {"Accept": "application/json"}


class Tells:
    """Stands for the job queue: counts how often it is asked to tell Label Studio, or fails."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None

    def __call__(self) -> None:
        if self.failure:
            raise self.failure
        self.count += 1


@pytest.fixture
def tells() -> Tells:
    return Tells()


@pytest.fixture
def page(page: Page, tells: Tells) -> Page:
    return replace(page, tell=tells)


@pytest.fixture
def images(store: Store, project: Project) -> list[int]:
    with store.reading() as session:
        return list(session.scalars(select(Image.id).order_by(Image.id)))


@pytest.fixture
def version(store: Store, project: Project, images: list[int]) -> str:
    """A version that suggests cat on the first image, cat and dog on the second, and nothing else."""
    with store.session() as session:
        labels = live_labels(session, project.id)
        made = ModelVersion(
            project_id=project.id, name="v0001", labels=[label.name for label in labels], folder="",
            label_ids=[label.id for label in labels], backbone="none", thresholds=[0.5, 0.5, 1.01],
        )  # fmt: skip
        session.add(made)
        session.flush()
        chances = np.full((len(images), 3), 0.1)
        chances[0, 0] = chances[1, 0] = chances[1, 1] = 0.9
        chances[:, 2] = 0.05
        store_vectors(session, made.id, images, chances)
        session.get_one(Project, project.id).active_version_id = made.id
    return "v0001"


def known(store: Store) -> set[tuple[int, str, int, Source, str | None]]:
    """The live observations: image, label, value, source, who."""
    chosen = (
        select(Observation.image_id, Label.name, Observation.value, Observation.source, Observation.annotator)
        .join(Label, Label.id == Observation.label_id)
        .where(Observation.retired_at.is_(None))
    )
    with store.reading() as session:
        return {tuple(row) for row in session.execute(chosen)}  # type: ignore[misc]


def answer(browser: FlaskClient, **fields: Any) -> Any:
    """What a script is told."""
    return browser.post("/page/p1/answer", data=fields, headers=JSON)


def undo(browser: FlaskClient, **fields: Any) -> Any:
    """What a script is told of taking back."""
    return browser.post("/page/p1/undo", data=fields, headers=JSON).json


def test_none_of_these_has_a_cat(
    browser: FlaskClient, store: Store, images: list[int], tells: Tells, version: str
) -> None:
    got = answer(browser, image=images[:3], label="cat", say="absent", version=version)
    told = "cat: absent on 3 images, by you just now"
    assert got.json == {"told": told, "images": images[:3], "undo": True}
    assert known(store) == {(image, "cat", -1, Source.PAGE, "Ann") for image in images[:3]}
    assert tells.count == 1
    with store.reading() as session:
        kept = session.scalars(select(Observation).order_by(Observation.image_id)).all()
    assert [each.suggested_version for each in kept] == [version] * 3
    assert [each.probability for each in kept] == pytest.approx([0.9, 0.9, 0.1], abs=1e-3)


def test_a_browser_without_script_comes_back_to_where_it_was(browser: FlaskClient, images: list[int]) -> None:
    fields = {"image": images[0], "present": ["cat", "tree"], "back": "/page/p1/images?label=cat"}
    got = browser.post("/page/p1/answer", data=fields)
    assert (got.status_code, got.headers["Location"]) == (303, "/page/p1/images?label=cat")
    fields["back"] = "https://evil.example/"
    assert browser.post("/page/p1/answer", data=fields).headers["Location"] == "/page/"


def test_what_is_suggested_and_not_known_is_accepted(
    browser: FlaskClient, store: Store, images: list[int], version: str
) -> None:
    answer(browser, image=images[1], absent="dog")
    got = answer(browser, image=images, say="suggested", version=version)
    assert got.json["told"] == "cat: present on 2 images, by you just now"
    assert known(store) == {
        (images[0], "cat", 1, Source.PAGE, "Ann"),
        (images[1], "cat", 1, Source.PAGE, "Ann"),
        (images[1], "dog", -1, Source.PAGE, "Ann"),
    }


def test_nothing_else_is_there(
    browser: FlaskClient, log_in_as: Callable[..., FlaskClient], store: Store, images: list[int]
) -> None:
    answer(browser, image=images[0], present="cat", absent="dog")
    answer(log_in_as("Bob", Role.ANSWER), image=images[0], absent="cat")
    got = answer(browser, image=images[:2], say="rest")
    assert got.json["told"] == "cat, dog, tree: absent on 2 images in all, by you just now"
    by_ann = {(image, name, value) for image, name, value, _, who in known(store) if who == "Ann"}
    assert by_ann == {
        (images[0], "cat", 1),  # Bob disagrees, and Ann has not taken it back
        (images[0], "dog", -1),
        (images[0], "tree", -1),
        *((images[1], name, -1) for name in ("cat", "dog", "tree")),
    }
    answer(browser, image=images[2], present=["cat", "dog", "tree"])
    assert "nothing else" in answer(browser, image=images[2], say="rest").json["error"]


def test_what_was_taken_back_out_of_sight_is_named(browser: FlaskClient, images: list[int]) -> None:
    for image in images[:2]:
        answer(browser, image=image, present="cat")
    here, elsewhere = undo(browser, image=images[1]), undo(browser, image=images[1])
    assert here["told"] == "Taken back: cat: present"
    assert elsewhere["told"] == "Taken back: cat: present, of 1.png"


def test_undoing_takes_back_one_answer_after_the_other(
    browser: FlaskClient, store: Store, images: list[int]
) -> None:
    answer(browser, image=images[:2], label="cat", say="present")
    answer(browser, image=images[1:3], label="cat", say="absent")
    first = undo(browser)
    assert first == {"told": "Taken back: cat: absent on 2 images", "images": images[1:3], "undo": True}
    assert known(store) == {(image, "cat", 1, Source.PAGE, "Ann") for image in images[:2]}
    assert undo(browser)["undo"] is False
    assert known(store) == set()
    assert "nothing of yours" in undo(browser)["told"]


def test_nobody_takes_back_what_another_said(
    browser: FlaskClient, log_in_as: Callable[..., FlaskClient], store: Store, images: list[int]
) -> None:
    answer(browser, image=images[0], present="cat")
    other = log_in_as("Bob", Role.ANSWER)
    assert "nothing of yours" in undo(other)["told"]
    assert len(known(store)) == 1


def test_saying_it_again_is_no_second_answer(browser: FlaskClient, store: Store, images: list[int]) -> None:
    answer(browser, image=images[0], present="cat")
    assert answer(browser, image=images[0], present="cat").json["told"] == "You have said that already."
    told = answer(browser, image=images[:2], present="cat").json["told"]
    assert told == "cat: present, by you just now; 1 of yours said that already"


def test_who_looks_answers_nothing(onlooker: FlaskClient, store: Store, images: list[int]) -> None:
    for path in ("answer", "undo"):
        got = onlooker.post(f"/page/p1/{path}", data={"image": images[0], "present": "cat"}, headers=JSON)
        assert got.status_code == 403
    assert known(store) == set()
    assert "data-answering" not in onlooker.get("/page/p1/images").text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"present": "cat"}, "No image was answered"),
        ({"image": "x", "present": "cat"}, "Load the page again"),
        ({"image": "9" * 30, "present": "cat"}, "Load the page again"),
        ({"image": 1}, "names no label"),
        ({"image": 1, "present": "zebra"}, "does not have the label"),
        ({"image": 1, "present": "cat", "absent": "cat"}, "at once"),
        ({"image": list(range(1, 600)), "present": "cat"}, "too many"),
        ({"image": 1, "say": "suggested"}, "version is not there"),
    ],
)
def test_what_cannot_be_meant_is_told_and_changes_nothing(
    browser: FlaskClient, store: Store, project: Project, fields: dict[str, Any], told: str
) -> None:
    got = answer(browser, **fields)
    assert got.status_code == 400
    assert told in got.json["error"]
    assert known(store) == set()


def test_an_image_of_another_project_is_not_answered(
    browser: FlaskClient, store: Store, images: list[int], make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        other = make_project(session, title="Others")
        foreign = session.scalars(select(Image.id).where(Image.project_id == other.id)).first()
    assert "not in the project" in answer(browser, image=foreign, present="cat").json["told"]
    assert known(store) == set()


def test_an_answer_is_kept_when_nobody_can_be_asked_to_tell_it(
    browser: FlaskClient, store: Store, images: list[int], tells: Tells
) -> None:
    tells.failure = OnetagError("The queue is gone.", "Start it.")
    assert answer(browser, image=images[0], present="cat").status_code == 200
    assert len(known(store)) == 1


def test_the_grid_and_the_page_of_an_image_offer_it(
    browser: FlaskClient, images: list[int], version: str
) -> None:
    grid = browser.get("/page/p1/images?label=dog").text
    assert "<option selected>dog</option>" in grid
    assert "Your newest answer" not in grid
    answer(browser, image=images[:2], present="cat")
    assert "Your newest answer: cat: present on 2 images" in browser.get("/page/p1/images").text
    one = browser.get(f"/page/p1/images/{images[0]}").text
    assert 'aria-label="cat is not there"' in one
    assert "Your newest answer: cat: present on 2 images" in one


def keys(browser: FlaskClient, image: int) -> dict[str, str]:
    """The digit of each label on the page of an image."""
    text = browser.get(f"/page/p1/images/{image}").text
    found = re.findall(r'name="present" value="(\w+)" .* aria-keyshortcuts="(\d)"', text)
    return {digit: label for label, digit in found}


@pytest.mark.usefixtures("version")
def test_no_answer_moves_a_digit_to_another_label(browser: FlaskClient, images: list[int]) -> None:
    before = keys(browser, images[1])
    assert before == {"1": "cat", "2": "dog"}
    for side, label in (("absent", "cat"), ("present", "tree"), ("absent", "dog")):
        answer(browser, image=images[1], **{side: label})
        assert before.items() <= keys(browser, images[1]).items()
    assert keys(browser, images[1]) == {**before, "3": "tree"}, "what people say is there, behind the likely"


def test_without_a_model_digits_are_in_the_projects_order(browser: FlaskClient, images: list[int]) -> None:
    assert keys(browser, images[1]) == {"1": "cat", "2": "dog", "3": "tree"}


def test_what_label_studio_is_not_told_stands_there(
    browser: FlaskClient, store: Store, project: Project, images: list[int]
) -> None:
    assert "kept here alone" not in browser.get("/page/p1/images").text
    with store.session() as session:
        held = session.get_one(Project, project.id)
        held.label_config = (
            '<View><Image name="image" value="$image"/><Choices name="c" toName="image" choice="multiple">'
            '<Choice value="cat"/><Choice value="dog"/><Choice value="tree"/></Choices></View>'
        )
    assert "cannot say that labels are not there" in browser.get("/page/p1/images").text
    with store.session() as session:
        session.get_one(Project, project.id).studio_project = None
    assert "has no Label Studio" in browser.get("/page/p1/images").text
