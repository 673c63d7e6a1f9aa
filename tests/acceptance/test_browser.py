"""A person in a browser: one label, a retraining, suggestions, a review; and the store holds just that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from annotator.labelstudio.client import Studio
from annotator.store import Annotation, Image, Label, Observation, Project, Suggestion, unanswered_images
from model_backend.demo.annotator import ALL_MARKED, CHECKED, Answer, Shown, regions
from model_backend.demo.dataset import Dataset
from model_backend.demo.loop import settled
from model_backend.demo.scenes import NAMES
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import Up, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.studio, pytest.mark.browser, pytest.mark.timeout(600)]
SUBMIT, SKIP = "Submit current annotation", "skip-task"


@pytest.fixture(scope="module")
def page(up: Up) -> Iterator[Page]:
    """A browser that is logged in."""
    with up.browsing() as page:
        yield page


class LabellingPage:
    """The annotator's page on one project, and the records behind it."""

    def __init__(self, page: Page, up: Up, shots: Path) -> None:
        self.page, self.up, self.shots = page, up, shots
        self.studio: Studio = up.studio()
        self.store = up.store()
        with self.store.reading() as session:
            row = session.scalars(select(Project)).one()
        self.project, self.project_id = int(row.studio_project or 0), row.id
        self.home = f"{up.studio_url}/projects/{self.project}/data"

    def open_stream(self) -> int:
        """Start labelling; the task that the queue hands out."""
        self.page.goto(self.home)
        with self.page.expect_response(
            lambda answer: "/next" in answer.url or "next_task" in answer.url
        ) as got:
            self.page.get_by_text("Label All Tasks").click()
        self.page.locator(".onetag-review").wait_for()
        return int(got.value.json()["id"])

    def open_task(self, task: int) -> None:
        """Open one task."""
        self.page.goto(f"{self.home}?task={task}")
        self.page.locator(".onetag-review").wait_for()

    def choose(self, name: str) -> None:
        """Choose the one label."""
        self.page.locator(f'.onetag-one input[name="{name}"]').check()

    def shown(self) -> set[str]:
        """The suggestions that the page shows ticked, once a label is chosen."""
        self.page.get_by_text("What else is there?").wait_for()
        boxes = [self.page.locator(f'.onetag-also input[name="{name}"]') for name in NAMES]
        return {name for name, box in zip(NAMES, boxes, strict=True) if box.is_checked()}

    def tick(self, name: str, ticked: bool) -> None:
        """Tick or untick a suggestion."""
        self.page.locator(f'.onetag-also input[name="{name}"]').set_checked(ticked)

    def review(self, value: str) -> None:
        """Say how closely one looked."""
        self.page.locator(f'.onetag-review input[name="{value}"]').check()

    def submit(self, button: str = SUBMIT) -> int:
        """Press the button; the number of the annotation that Label Studio made."""
        with self.page.expect_response(
            lambda answer: "/annotations" in answer.url and answer.request.method == "POST"
        ) as got:
            self.page.locator(f'button[aria-label="{button}"]').click()
        assert got.value.ok, got.value.text()
        return int(got.value.json()["id"])

    def shoot(self, name: str) -> None:
        """Keep a screenshot."""
        self.page.screenshot(path=self.shots / f"{name}.png")

    def recorded(self, annotation: int) -> tuple[Annotation, dict[str, tuple[int, str]]]:
        """The annotation in the store, and label -> (value, source) of what it made known."""

        def look() -> Annotation | None:
            live = Annotation.studio_annotation == annotation, Annotation.retired_at.is_(None)
            with self.store.reading() as session:
                return session.scalars(select(Annotation).where(*live)).first()

        row: Annotation = until(look, 20, f"annotation {annotation} is in the store")
        known = (
            select(Label.name, Observation.value, Observation.source)
            .join(Observation, Observation.label_id == Label.id)
            .where(Observation.annotation_id == row.id, Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            return row, {name: (value, source) for name, value, source in session.execute(known)}


@pytest.fixture(scope="module")
def screen(page: Page, up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabellingPage]:
    """The page, with a folder for its screenshots."""
    made = LabellingPage(page, up, tmp_path_factory.mktemp("screenshots"))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def thirty_answers(screen: LabellingPage, scenes: Dataset) -> None:
    """Thirty images answered by somebody else, and what is learned from them published."""
    names = [file.name for file in scenes.files]
    folder = screen.up.images.name
    for task in list(screen.studio.tasks(screen.project))[-30:]:
        present = scenes.present(names.index(str(file_of(folder, task["data"]["image"]))))
        screen.studio.annotate(int(task["id"]), regions(Answer(present[0], ()), Shown(), "choices"))


@pytest.fixture
def suggested(screen: LabellingPage, thirty_answers: None) -> tuple[int, list[str]]:
    """A task that nobody has answered and its suggestions, once everything said so far is learned."""

    def trained() -> dict[int, list[str]]:
        version = settled(screen.store, screen.project_id)
        with screen.store.reading() as session:
            return suggestions_of(session, version.id) if version else {}

    found: dict[int, list[str]] = until(trained, 180, "a version with suggestions is published")
    return next((task, labels) for task, labels in found.items() if len(labels) < len(NAMES) - 2)


def suggestions_of(session: Any, version: int) -> dict[int, list[str]]:
    """Task -> suggestions, of the images without an answer that have at least one."""
    rows = session.execute(
        select(Image.id, Image.studio_task, Suggestion.labels)
        .join(Suggestion, Suggestion.image_id == Image.id)
        .where(Suggestion.version_id == version)
        .order_by(Suggestion.score)
    )
    waiting = set(unanswered_images(session, 1))
    return {task: labels for image, task, labels in rows if image in waiting and labels}


def test_a_label_chosen_in_the_stream_is_one_observation(screen: LabellingPage) -> None:
    screen.open_stream()
    assert not screen.page.get_by_text("What else is there?").is_visible()
    screen.shoot("1-before-a-label")
    screen.choose("three")
    assert screen.shown() == set()
    screen.shoot("2-a-label-chosen")
    row, known = screen.recorded(screen.submit())
    assert known == {"three": (1, "tag")}
    assert row.suggested in (None, [])


def test_suggestions_appear_after_a_retraining_and_left_alone_say_nothing(
    screen: LabellingPage, suggested: tuple[int, list[str]]
) -> None:
    task, labels = suggested
    screen.open_task(task)
    assert not screen.page.get_by_text("What else is there?").is_visible(), "hidden until a label is chosen"
    screen.shoot("3-suggestions-hidden")
    chosen = next(name for name in NAMES if name not in labels)
    screen.choose(chosen)
    assert screen.shown() == set(labels)
    screen.shoot("4-suggestions-shown")
    row, known = screen.recorded(screen.submit())
    assert known == {chosen: (1, "tag")}
    assert row.suggested == labels
    assert row.suggested_version


def test_changed_suggestions_are_added_and_rejected_and_nothing_is_said_of_the_others(
    screen: LabellingPage, suggested: tuple[int, list[str]]
) -> None:
    task, labels = suggested
    chosen, extra = [name for name in NAMES if name not in labels][:2]
    screen.open_task(task)
    screen.choose(chosen)
    assert screen.shown() == set(labels)
    screen.tick(labels[0], ticked=False)
    screen.tick(extra, ticked=True)
    screen.shoot("5-suggestions-changed")
    _, known = screen.recorded(screen.submit())
    assert known == {chosen: (1, "tag"), extra: (1, "added"), labels[0]: (-1, "rejected")}


def test_all_unticked_rejects_every_suggestion(
    screen: LabellingPage, suggested: tuple[int, list[str]]
) -> None:
    task, labels = suggested
    chosen = next(name for name in NAMES if name not in labels)
    screen.open_task(task)
    screen.choose(chosen)
    assert screen.shown() == set(labels)
    for name in labels:
        screen.tick(name, ticked=False)
    _, known = screen.recorded(screen.submit())
    assert known == {chosen: (1, "tag")} | dict.fromkeys(labels, (-1, "rejected"))


def test_a_review_confirms_what_was_left_ticked(
    screen: LabellingPage, suggested: tuple[int, list[str]]
) -> None:
    task, labels = suggested
    chosen = next(name for name in NAMES if name not in labels)
    screen.open_task(task)
    screen.choose(chosen)
    assert screen.shown() == set(labels)
    screen.review(CHECKED)
    screen.shoot("6-suggestions-checked")
    _, known = screen.recorded(screen.submit())
    assert known == {chosen: (1, "tag")} | dict.fromkeys(labels, (1, "confirmed"))


def test_all_labels_marked_makes_the_rest_absent(
    screen: LabellingPage, suggested: tuple[int, list[str]]
) -> None:
    task, labels = suggested
    chosen = next(name for name in NAMES if name not in labels)
    screen.open_task(task)
    screen.choose(chosen)
    assert screen.shown() == set(labels)
    screen.review(ALL_MARKED)
    _, known = screen.recorded(screen.submit())
    rest = {name: (-1, "complete") for name in NAMES if name not in (chosen, *labels)}
    assert known == {chosen: (1, "tag")} | dict.fromkeys(labels, (1, "confirmed")) | rest


def test_a_skip_is_recorded_and_says_nothing(screen: LabellingPage) -> None:
    screen.open_stream()
    row, known = screen.recorded(screen.submit(SKIP))
    assert row.skipped
    assert known == {}
    screen.shoot("7-after-a-skip")
