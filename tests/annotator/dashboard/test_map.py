"""The map: where images lie, what colours them, and links to parts; unknown is never shown as absent."""

import re
from collections.abc import Callable
from html import unescape

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard.map_colours import WORDS
from annotator.store import (
    Annotation,
    Image,
    ModelVersion,
    Project,
    Store,
    Suggested,
    live_labels,
    remove_images,
    store_suggestions,
    store_vectors,
    sync_images,
)
from annotator.store.layouts import ALONE, Placed, store_layout

Annotate = Callable[..., Annotation | None]

CHANCES = [[0.9, 0.4, 0.05], [0.1, 0.8, 0.3], [0.6, 0.2, 0.2], [0.3, 0.3, 0.3], [0.95, 0.1, 0.7]]
PLACES = [(-1.0, -1.0), (-0.9, -1.0), (1.0, 1.0), (0.0, 0.1), (0.9, 1.0)]


@pytest.fixture
def mapped(store: Store, project: Project, annotate: Annotate) -> Project:
    """Five images on a map: task 1 shows a cat, task 2 none, task 3 was skipped; 1 and 2 are alike."""
    with store.session() as session:
        held = session.get_one(Project, project.id)
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        labels = live_labels(session, held.id)
        version = ModelVersion(
            project_id=held.id, name="v0001", labels=[label.name for label in labels], backbone="none",
            label_ids=[label.id for label in labels], folder="v0001", thresholds=[0.8, 0.7, 1.01],
        )  # fmt: skip
        session.add(version)
        session.flush()
        held.active_version_id = version.id
        store_vectors(session, version.id, images, np.array(CHANCES, dtype=np.float32))
        asked = [Suggested(image, [], 0.5, image % 2) for image in images[:4]]
        store_suggestions(session, version.id, asked)
        annotate(session, held, "cat", task=1, number=1)
        annotate(session, held, "-cat", task=2, number=2)
        annotate(session, held, task=3, number=3, skipped=True)
        places, groups = np.array(PLACES, np.float32), np.array([0, 0, *[ALONE] * 3], np.int32)
        ids = np.array(images, np.int64)
        store_layout(session, held.id, Placed(ids, places, groups, (0.25, 0.125), 0.95, "x"))
    return project


def told(text: str) -> dict[str, list[str]]:
    """The table of parts, by name: images, and those of each class."""
    rows = re.findall(r"<tr><th scope=\"row\"><a[^>]*>(\w\d)</a></th>(.*?)</tr>", text)
    return {name: re.findall(r"<td>(.*?)</td>", cells) for name, cells in rows}


def heads(text: str) -> list[str]:
    """What the columns of that table are about."""
    return [unescape(each) for each in re.findall(r"<th scope=\"col\">(.*?)</th>", text)]


def test_before_there_is_one_it_says_when_it_comes(browser: FlaskClient, project: Project) -> None:
    assert "computed after a training" in browser.get(f"/page/{project.key}/map").text


def test_it_says_what_it_rests_on(browser: FlaskClient, mapped: Project, store: Store) -> None:
    with store.session() as session:
        sync_images(session, mapped.id, {9: "/data/9.png"})  # without features yet
        remove_images(session, mapped.id, [5])
    text = browser.get(f"/page/{mapped.key}/map").text
    assert "25 % (across) and 12 % (up)" in text
    assert "4 of 5 images are on the map" in text
    assert "4 of 4 points are drawn" in text
    assert "v0001" in text
    assert "/map" in re.findall(r"<a href=\"([^\"]*)\" aria-current", text)[0]


def test_by_state_unknown_is_neither_present_nor_absent(browser: FlaskClient, mapped: Project) -> None:
    text = browser.get(f"/page/{mapped.key}/map?colour=state&label=cat").text
    assert heads(text)[2:] == ["not known", "they disagree", "people say absent", "people say present"]
    assert told(text)["A1"] == ["2", "0", "0", "1", "1"]
    assert told(text)["F6"] == ["2", "2", "0", "0", "0"]


def test_by_chance_only_what_is_estimated_has_a_band(
    browser: FlaskClient, mapped: Project, store: Store
) -> None:
    with store.session() as session:
        sync_images(session, mapped.id, {9: "/data/9.png"})
    text = browser.get(f"/page/{mapped.key}/map?colour=chance&label=cat").text
    assert told(text)["A1"] == ["2", "1", "0", "0", "0", "1"]
    assert told(text)["F6"] == ["2", "0", "0", "0", "1", "1"]


def test_suggested_is_what_reaches_its_threshold_and_is_not_known(
    browser: FlaskClient, mapped: Project
) -> None:
    everything = told(browser.get(f"/page/{mapped.key}/map?colour=suggested").text)
    assert everything["A1"] == ["2", "1", "1"], "the cat of task 1 is known, the dog of task 2 is not"
    cats = told(browser.get(f"/page/{mapped.key}/map?colour=suggested&label=cat").text)
    assert cats["A1"] == ["2", "2", "0"]
    assert cats["F6"] == ["2", "1", "1"]


@pytest.mark.parametrize(
    ("colour", "below_left", "above_right"),
    [
        ("answer", ["2", "0", "0", "2"], ["2", "1", "1", "0"]),
        ("alike", ["2", "0", "2"], ["2", "2", "0"]),
        ("cluster", ["2", "1", "1"], ["2", "0", "1"]),
    ],
)
def test_the_other_colours_count_as_they_say(
    browser: FlaskClient, mapped: Project, colour: str, below_left: list[str], above_right: list[str]
) -> None:
    found = told(browser.get(f"/page/{mapped.key}/map?colour={colour}").text)
    assert (found["A1"], found["F6"]) == (below_left, above_right)


def test_a_part_shows_its_images_and_leads_to_the_grid(browser: FlaskClient, mapped: Project) -> None:
    whole = browser.get(f"/page/{mapped.key}/map?colour=answer").text
    links = re.findall(r"<a class=\"region\" href=\"([^\"]*)\" aria-label=\"([^\"]*)\"", whole)
    assert [label for _, label in links] == [
        "F6: 2 images: 1 not answered, 1 skipped",
        "D4: 1 image: 1 not answered",
        "A1: 2 images: 2 answered",
    ]
    part = browser.get(unescape(links[-1][0])).text
    assert "2 images in this part" in part
    assert re.findall(r"alt=\"(\d.png)\"", part) == ["2.png", "1.png"]
    (grid,) = re.findall(r"href=\"([^\"]*)\">Show them in the grid", part)
    found = browser.get(unescape(grid)).text
    assert "<strong>2</strong> of 5 images" in found
    assert "in a part of the map" in found


def test_the_form_of_the_grid_keeps_the_part(browser: FlaskClient, mapped: Project) -> None:
    text = browser.get(f"/page/{mapped.key}/images?box=-1,-1,0,0").text
    assert '<input type="hidden" name="box" value="-1,-1,0,0">' in text


@pytest.mark.parametrize(
    ("link", "cure"),
    [
        ("colour=green", "colour is one of suggested, state"),
        ("box=1,2", "left,low,right,high"),
        ("box=0,0,0,0", "left is less than right"),
        ("colour=state&label=lion", "no label"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_cure(
    browser: FlaskClient, mapped: Project, link: str, cure: str
) -> None:
    answer = browser.get(f"/page/{mapped.key}/map?{link}")
    assert answer.status_code == 400
    assert cure in unescape(answer.text)


@pytest.mark.parametrize("colour", WORDS)
def test_every_colour_is_drawn_without_a_model_and_without_images(
    browser: FlaskClient, mapped: Project, store: Store, colour: str
) -> None:
    with store.session() as session:
        session.get_one(Project, mapped.id).active_version_id = None
    assert browser.get(f"/page/{mapped.key}/map?colour={colour}").status_code == 200
    assert browser.get(f"/page/{mapped.key}/map?colour={colour}&box=0.2,0.2,0.21,0.21").status_code == 200
    with store.session() as session:
        remove_images(session, mapped.id, range(1, 6))
    assert browser.get(f"/page/{mapped.key}/map?colour={colour}").status_code == 200
