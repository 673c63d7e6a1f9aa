"""People answer on the page, in a browser: the store and a real Label Studio say just what the table of
docs/answering.md tells, and after undoing what they said before.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from annotator.labelstudio.told import key_in
from annotator.store import Image, Label, Observation, Source, Store, Suggestion, unanswered_images
from model_backend.demo.annotator import ALL_MARKED, Answer, Shown, regions
from model_backend.demo.dataset import Dataset, read_dataset
from model_backend.demo.loop import settled
from model_backend.demo.scenes import NAMES, write_scenes
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import Up, until
from tests.acceptance.page.conftest import SIZES, Visitor, examine, link_for
from tests.annotator.labelstudio.saying import Values, controls_of, page_controls

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from annotator.labelstudio.client import Studio

pytestmark = [pytest.mark.studio, pytest.mark.browser, pytest.mark.timeout(600)]
PICTURES, REVIEWED = 48, 30
DOCS = Path(__file__).parents[3] / "docs" / "answering.md"
SECONDS = 30.0  # in which Label Studio is told, on a busy machine


class UpAnswering(Up):
    """An `onetag up` that is trained when it is told to be: nothing moves by itself."""

    def command(self, *more: str) -> list[str]:
        return super().command("--retrain-after", "10000", "--retrain-idle", "100000", *more)

    def review(self, pictures: Dataset) -> None:
        """Have the last pictures marked completely in Label Studio, and learned."""
        studio, names = self.studio(), [file.name for file in pictures.files]
        (project,) = studio.projects()
        for task in list(studio.tasks(int(project["id"])))[-REVIEWED:]:
            present = pictures.present(names.index(str(file_of(self.images.name, task["data"]["image"]))))
            given = Answer(present[0], tuple(present[1:]), ALL_MARKED)
            studio.annotate(int(task["id"]), regions(given, Shown(), "choices"))
        (backend,) = studio.backends(int(project["id"]))
        studio.http.request("POST", f"/api/ml/{backend['id']}/train", json={})


@pytest.fixture(scope="module")
def answering(fresh_label_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpAnswering]:
    """One Label Studio and one backend for all tests, with a model of 30 pictures."""
    folder = tmp_path_factory.mktemp("answering") / "digits"
    write_scenes(folder, PICTURES, 1, seed=5)
    pictures = read_dataset(folder)
    data = shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("answering-up") / "data")
    made = UpAnswering(pictures.files[0].parent, data)
    try:
        made.start()
        made.await_ready()
        made.review(pictures)
        yield made
    finally:
        made.clean()


class Records:
    """What is on record of each image: in the store, and in Label Studio over its API."""

    def __init__(self, store: Store, studio: Studio, version: int) -> None:
        self.store, self.studio = store, studio
        chosen = (
            select(Image.id, Image.studio_task, Suggestion.labels)
            .join(Suggestion, Suggestion.image_id == Image.id)
            .where(Suggestion.version_id == version)
            .order_by(Image.id)
        )
        with store.reading() as session:
            waiting = set(unanswered_images(session, 1))
            rows = [row for row in session.execute(chosen) if row[0] in waiting]
        self.tasks = {image: int(task or 0) for image, task, _ in rows}
        self.suggested = {image: set(labels) for image, _, labels in rows}

    def said(self, image: int, who: str) -> Values:
        """What a person says of an image, all of it on the page."""
        chosen = (
            select(Label.name, Observation.value, Observation.source)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.image_id == image, Observation.annotator == who)
            .where(Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            rows = session.execute(chosen).all()
        assert {source for _, _, source in rows} <= {Source.PAGE}
        return {name: value for name, value, _ in rows}

    def there(self, image: int) -> list[dict[str, Any]]:
        """What stands in the controls of each annotation of an image; the page made them all."""
        annotations = self.studio.task(self.tasks[image])["annotations"]
        assert all(key_in(each["result"]) and not each["ground_truth"] for each in annotations)
        return [controls_of(each) for each in annotations]

    def hold(self, who: str, known: dict[int, Values]) -> None:
        """Soon the store and Label Studio hold just this of these images, and go on holding it."""
        wanted = {
            image: [page_controls(values, NAMES, who)] if values else [] for image, values in known.items()
        }
        until(lambda: {image: self.said(image, who) for image in known} == known, SECONDS, f"stored {known}")
        until(lambda: {image: self.there(image) for image in known} == wanted, SECONDS, f"told {wanted}")
        assert {image: self.said(image, who) for image in known} == known


@pytest.fixture(scope="module")
def records(answering: UpAnswering) -> Iterator[Records]:
    """What is on record, once the model suggests something."""
    store = answering.store()
    version = until(lambda: settled(store, 1), 240, "a version is published")
    yield Records(store, answering.studio(), version.id)
    store.close()


def logged_in(chromium: Browser, up: Up, name: str, role: str = "answer", size: str = "desktop") -> Visitor:
    """A person of this name, whom a link has let in."""
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=size == "phone")
    came = Visitor(context.new_page(), f"http://127.0.0.1:{up.port}/page/")
    came.page.goto(link_for(up, name, role))
    came.page.get_by_role("button", name="Log in").click()
    came.page.get_by_role("heading", name="Progress").wait_for()
    return came


@pytest.fixture(scope="module")
def ann(chromium: Browser, answering: UpAnswering) -> Iterator[Visitor]:
    """Ann, who answers, at a desk."""
    came = logged_in(chromium, answering, "Ann")
    yield came
    came.page.context.close()


@dataclass(frozen=True)
class Sight:
    """What the page of an image shows: its labels with a digit, in their order, and what is suggested."""

    image: int
    digits: Sequence[str]
    suggested: set[str]

    @property
    def first(self) -> str:
        return self.digits[0]

    @property
    def second(self) -> str:
        return self.digits[1]


def digits(visitor: Visitor) -> list[str]:
    """The labels that digits answer, in their order, as the page tells."""
    buttons = visitor.page.locator("[data-answering] button[name=present]")
    keys = [each.get_attribute("aria-keyshortcuts") for each in buttons.all()]
    assert keys == [str(place + 1) for place in range(len(keys))]
    return [str(each.get_attribute("value")) for each in buttons.all()]


def look_at(visitor: Visitor, records: Records, place: int = 0) -> Sight:
    """The page of an image of which something is suggested, and of which nobody has said anything."""
    images = [image for image, labels in records.suggested.items() if len(labels) > 1]
    visitor.open(f"p1/images/{images[place]}")
    return Sight(images[place], digits(visitor), records.suggested[images[place]])


def press(visitor: Visitor, *keys: str) -> None:
    """Press keys one right after the other, and wait until the page has sent what they say."""
    for key in keys:
        visitor.page.keyboard.press(key)
    expect(visitor.page.locator("[data-sending]")).to_have_count(0, timeout=1000 * SECONDS)


@dataclass(frozen=True)
class Row:
    """A row of the table: keys that say it, and what is known then."""

    keys: Sequence[str]
    known: Callable[[Sight], Values]
    answers: int = 1


TABLE = {
    "says that labels are there": Row(["1"], lambda sight: {sight.first: 1}),
    "says that labels are not there": Row(["Shift+1"], lambda sight: {sight.first: -1}),
    "accepts what is suggested": Row(["a"], lambda sight: dict.fromkeys(sight.suggested, 1)),
    "says that nothing else is there (all labels are marked)": Row(
        ["1", "0"], lambda sight: dict.fromkeys(NAMES, -1) | {sight.first: 1}, answers=2
    ),
    "does not name a label": Row(
        ["1", "Shift+2"], lambda sight: {sight.first: 1, sight.second: -1}, answers=2
    ),
    "undoes": Row(["1", "Shift+1", "u"], lambda sight: {sight.first: 1}),
}


def test_the_table_is_that_of_the_documentation() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert [row for row in rows if row not in ("on the page", "---")] == list(TABLE)


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_a_row_of_the_table_by_keys_and_back(ann: Visitor, records: Records, row: Row) -> None:
    sight = look_at(ann, records)
    records.hold("Ann", {sight.image: {}})
    press(ann, *row.keys)
    records.hold("Ann", {sight.image: row.known(sight)})
    assert digits(ann) == sight.digits, "a digit has moved"
    press(ann, *["u"] * row.answers)
    records.hold("Ann", {sight.image: {}})


def test_what_was_said_is_told_aloud_and_shown(ann: Visitor, records: Records) -> None:
    sight = look_at(ann, records)
    status = ann.page.get_by_role("status")
    asked = ann.page.locator(f"li[data-label={sight.first}] .people")
    known = ann.page.locator(f"td[data-label={sight.first}]")
    press(ann, "1")
    expect(status).to_have_text(f"{sight.first}: present, by you just now \N{EN DASH} undo u")
    for place in (asked, known):
        expect(place).to_have_text("present")
    expect(ann.page.locator("#said")).to_contain_text("Ann")
    examine(ann)
    press(ann, "Shift+1")
    expect(status).to_contain_text(f"{sight.first}: absent, by you just now")
    press(ann, "Shift+1")
    expect(status).to_contain_text("You have said that already.")
    press(ann, "u")
    expect(status).to_contain_text(f"Taken back: {sight.first}: absent")
    press(ann, "u")
    expect(status).to_have_text(f"Taken back: {sight.first}: present")
    for place in (asked, known):
        expect(place).to_have_text("unknown")
    expect(ann.page.get_by_role("button", name="Undo")).to_be_hidden()
    records.hold("Ann", {sight.image: {}})


def test_another_label_by_keys_alone(ann: Visitor, records: Records) -> None:
    sight = look_at(ann, records)
    other = next(name for name in NAMES if name not in sight.digits)
    ann.page.get_by_label("Another label").focus()
    ann.page.keyboard.type(other)
    ann.page.keyboard.press("Tab")
    press(ann, "y")
    records.hold("Ann", {sight.image: {other: 1}})
    assert digits(ann) == sight.digits
    ann.page.reload()
    assert digits(ann)[: len(sight.digits)] == sight.digits[:9]
    press(ann, "u")
    records.hold("Ann", {sight.image: {}})


def test_single_keys_can_be_switched_off(ann: Visitor, records: Records) -> None:
    """As WCAG 2.1.4 asks: for who speaks to the computer a letter is a word."""
    sight = look_at(ann, records)
    ann.page.locator("[data-keys] summary").click()
    switch = ann.page.get_by_label("Single keys answer")
    switch.uncheck()
    examine(ann)
    look_at(ann, records)
    press(ann, "1", "a", "0", "?")
    expect(ann.page.get_by_role("status")).to_be_empty()
    expect(ann.page.locator("[data-answering] button .key").first).to_be_hidden()
    ann.page.locator("[data-keys] summary").click()
    switch.check()
    press(ann, "1", "u")
    expect(ann.page.get_by_role("status")).to_have_text(f"Taken back: {sight.first}: present")
    records.hold("Ann", {sight.image: {}})


def test_none_of_these_has_it(ann: Visitor, records: Records) -> None:
    """Many images marked at once."""
    ann.open("p1/images?answer=open")
    pictures = ann.page.locator(".grid .picture")
    pictures.first.focus()
    press(ann, "x", "ArrowRight", "x", "ArrowRight", "ArrowRight", "x")
    expect(ann.page.locator("[data-marked]")).to_have_text("(3 marked)")
    boxes = ann.page.locator(".grid input[name=image]:checked")
    marked = [int(each.get_attribute("value") or 0) for each in boxes.all()]
    ann.page.locator("[data-answering] select[name=label]").select_option("seven")
    pictures.first.focus()
    press(ann, "n")
    status = ann.page.get_by_role("status")
    expect(status).to_have_text("seven: absent on 3 images, by you just now \N{EN DASH} undo u")
    expect(ann.page.locator(".tile:has(.said.absent)")).to_have_count(0)
    records.hold("Ann", {image: {"seven": -1} for image in marked})
    expect(boxes).to_have_count(0)
    examine(ann)
    press(ann, "u")
    expect(status).to_have_text("Taken back: seven: absent on 3 images")
    records.hold("Ann", {image: {} for image in marked})


def test_two_people_say_it_each_for_themselves(
    ann: Visitor, chromium: Browser, answering: UpAnswering, records: Records
) -> None:
    bob = logged_in(chromium, answering, "Bob")
    sight = look_at(ann, records)
    look_at(bob, records)
    press(ann, "1")
    press(bob, "Shift+1")
    expect(bob.page.get_by_role("status")).to_contain_text("absent")
    told = [page_controls({sight.first: value}, NAMES, who) for value, who in ((1, "Ann"), (-1, "Bob"))]
    until(lambda: sorted(map(str, records.there(sight.image))) == sorted(map(str, told)), SECONDS, f"{told}")
    press(bob, "u")
    records.hold("Ann", {sight.image: {sight.first: 1}})
    press(ann, "u")
    records.hold("Ann", {sight.image: {}})
    bob.page.context.close()


def test_with_a_phone_by_its_buttons(chromium: Browser, answering: UpAnswering, records: Records) -> None:
    eve = logged_in(chromium, answering, "Eve", size="phone")
    sight = look_at(eve, records)
    eve.page.get_by_role("button", name=f"{sight.first} is there").tap()
    eve.page.get_by_role("button", name=f"{sight.second} is not there").tap()
    eve.page.get_by_role("button", name="Nothing else is there").tap()
    rest = dict.fromkeys(NAMES, -1) | {sight.first: 1}
    records.hold("Eve", {sight.image: rest})
    examine(eve)
    for _ in range(3):
        eve.page.get_by_role("button", name="Undo").tap()
    records.hold("Eve", {sight.image: {}})
    expect(eve.page.get_by_role("status")).to_be_focused()  # the button is gone, the place is kept
    eve.page.context.close()


def test_who_may_look_has_no_way_to_answer(
    chromium: Browser, answering: UpAnswering, records: Records
) -> None:
    lou = logged_in(chromium, answering, "Lou", role="look")
    image = next(iter(records.suggested))
    for path in ("p1/images", f"p1/images/{image}"):
        lou.open(path)
        assert lou.page.locator("[data-answering]").count() == 0
        press(lou, "1", "y")
        token = lou.page.locator("meta[name=csrf]").get_attribute("content")
        got = lou.page.request.post(
            f"{lou.home}p1/answer",
            form={"image": str(image), "present": NAMES[0], "csrf": str(token)},
            headers={"Origin": lou.home.removesuffix("/page/")},
        )
        assert got.status == 403
    records.hold("Lou", {image: {}})
    lou.page.context.close()


def test_without_script_forms_do_the_same(ann: Visitor, chromium: Browser, records: Records) -> None:
    kept = ann.page.context.storage_state()
    context = chromium.new_context(storage_state=kept, java_script_enabled=False)
    plain = Visitor(context.new_page(), ann.home)
    sight = look_at(plain, records)
    plain.page.get_by_role("button", name=f"{sight.first} is there").click()
    expect(plain.page.get_by_role("status")).to_contain_text(f"Your newest answer: {sight.first}: present")
    records.hold("Ann", {sight.image: {sight.first: 1}})
    plain.page.get_by_role("button", name="Undo").click()
    expect(plain.page.get_by_role("button", name="Undo")).to_be_hidden()
    records.hold("Ann", {sight.image: {}})
    context.close()
