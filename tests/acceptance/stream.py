"""A person at Label Studio's page of labelling, in a browser, and the records behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.labelstudio.reading import project_config
from annotator.labelstudio.screen import QUESTIONS
from annotator.store import Annotation, Image, Label, ModelVersion, Observation, Project, Store, Suggestion
from annotator.store.states import Question
from model_backend.demo.dataset import Dataset
from model_backend.demo.loop import settled
from model_backend.demo.scenes import NAMES
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import Up, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 240  # seconds that a training, or a worker that starts, may take on a busy machine

Known = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Shown:
    """What a page asks: its task, the kind of question, and the labels that are suggested or asked about."""

    task: int
    question: Question
    labels: tuple[str, ...]


class Stream:
    """The annotator's page of labelling, and what lies behind it."""

    def __init__(self, up: Up, page: Page, pictures: Dataset, store: Store) -> None:
        self.up, self.page, self.pictures, self.store = up, page, pictures, store
        self.studio = up.studio()
        with store.reading() as session:
            row = session.scalars(select(Project)).one()
            self.config = project_config(row)
        self.number, self.project_id = int(row.studio_project or 0), row.id
        self.tasks = {int(task["id"]): task for task in self.studio.tasks(self.number)}
        self._names = [file.name for file in pictures.files]
        self._given: dict[str, Any] = {}

    def present(self, task: int) -> list[str]:
        """What is truly in the picture of a task."""
        file = file_of(self.up.images.name, self.tasks[task]["data"]["image"])
        return list(self.pictures.present(self._names.index(str(file))))

    def open(self) -> None:
        """Start labelling; the page is never loaded again, which `stays` tells."""
        self.page.on("response", self._note)
        self.page.goto(f"{self.up.studio_url}/projects/{self.number}/data")
        self.page.get_by_text("Label All Tasks").click()
        until(lambda: self._advanced(None), 30, "the first page is there")
        self.page.evaluate("window.onetagLoaded = true")

    def stays(self) -> bool:
        """Whether the page is still the one that was loaded first."""
        return bool(self.page.evaluate("window.onetagLoaded === true"))

    def _note(self, response: Any) -> None:
        if ("/next" in response.url or "next_task" in response.url) and response.ok:
            self._given = response.json()

    @property
    def task(self) -> int:
        """The task of the page that is open."""
        return int(self._given["id"])

    def shown(self, version: ModelVersion | None) -> Shown:
        """What the page that is open asks in words; it came before there was a version, or with one."""
        words = {
            question: self.page.get_by_text(text, exact=True).filter(visible=True).count()
            for question, text in QUESTIONS.items()
        }
        (question,) = [question for question, count in words.items() if count]
        labels = tuple(self.asked_by(version)[self.task].labels) if version else ()
        if question is Question.YES_NO:
            assert self.page.locator(".onetag-about").inner_text().strip() == labels[0]
        return Shown(self.task, question, labels)

    def asked_by(self, version: ModelVersion) -> dict[int, Suggestion]:
        """What a version asks of each task."""
        chosen = select(Image.studio_task, Suggestion).join(Image, Image.id == Suggestion.image_id)
        with self.store.reading() as session:
            rows = session.execute(chosen.where(Suggestion.version_id == version.id))
            return {int(task): suggestion for task, suggestion in rows if task is not None}

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def keys(self, names: Collection[str]) -> list[str]:
        """The keys that tick these labels below, as the screen tells them."""
        return [f"Shift+{self.key(name)}" for name in names]

    def key(self, name: str) -> str:
        """The key of a label."""
        return str(NAMES.index(name) + 1) if NAMES.index(name) < 9 else "q"

    def submit(self) -> int:
        """Submit by its shortcut and wait for the next page; the number of the annotation."""

        def made(answer: Any) -> bool:
            return "/annotations" in answer.url and answer.request.method == "POST"

        before = self.task
        with self.page.expect_response(made) as got:
            self.press("Control+Enter")
        assert got.value.ok, got.value.text()
        until(lambda: self._advanced(before), 20, "the next page is there")
        return int(got.value.json()["id"])

    def _advanced(self, before: int | None) -> bool:
        self.page.wait_for_timeout(50)  # lets the responses be noted
        there = self.page.locator(".onetag-review").is_visible()
        return there and self._given.get("id") not in (None, before)

    def answer(self, shown: Shown) -> Known:
        """Answer by keys alone, truly; what that must make known."""
        present = self.present(shown.task)
        match shown.question:
            case Question.TAG:
                self.press(self.key(present[0]))
                return {present[0]: (1, "tag")}
            case Question.YES_NO:
                (label,) = shown.labels
                self.press("y" if label in present else "n")
                return {label: (1 if label in present else -1, "answered")}
            case Question.CHECK:
                right = [label for label in shown.labels if label in present]
                self.press(*self.keys(right), "Space")
                wrong = {label: (-1, "rejected") for label in shown.labels if label not in present}
                return dict.fromkeys(right, (1, "confirmed")) | wrong
            case Question.COMPLETE:
                self.press(*self.keys(present), "a")
                rest = {label: (-1, "complete") for label in NAMES if label not in present}
                return dict.fromkeys(present, (1, "added")) | rest

    def recorded(self, annotation: int) -> tuple[Annotation, Known]:
        """The record of an answer, and what it made known."""

        def look() -> Annotation | None:
            live = Annotation.studio_annotation == annotation, Annotation.retired_at.is_(None)
            with self.store.reading() as session:
                return session.scalars(select(Annotation).where(*live)).first()

        row: Annotation = until(look, PATIENCE, f"annotation {annotation} is in the store")
        known = (
            select(Label.name, Observation.value, Observation.source)
            .join(Observation, Observation.label_id == Label.id)
            .where(Observation.annotation_id == row.id, Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            return row, {name: (value, str(source)) for name, value, source in session.execute(known)}

    def train(self) -> ModelVersion:
        """Press Label Studio's button that trains; the version that the worker made and published."""
        (backend,) = self.studio.backends(self.number)
        newest = self.newest()
        self.studio.http.request("POST", f"/api/ml/{backend['id']}/train", json={})
        return self.published(after=newest.id if newest else 0)

    def newest(self) -> ModelVersion | None:
        """The newest version."""
        with self.store.reading() as session:
            return session.scalars(select(ModelVersion).order_by(ModelVersion.id.desc())).first()

    def published(self, after: int = 0) -> ModelVersion:
        """The version in use, once it is a later one than this and Label Studio's queue follows it."""

        def newer() -> ModelVersion | None:
            found = settled(self.store, self.project_id)
            return found if found and found.id > after else None

        version: ModelVersion = until(newer, PATIENCE, "a version is published")
        assert self.studio.queue_version(self.number) == version.name
        return version

    def queue(self, version: ModelVersion) -> dict[int, float]:
        """The score of each task that nobody has answered, as Label Studio has it, the lowest first."""
        pushed = self.studio.http.get("/api/predictions/", params={"project": self.number})
        with self.store.reading() as session:
            done = set(
                session.scalars(
                    select(Image.studio_task)
                    .join(Annotation, Annotation.image_id == Image.id)
                    .where(Annotation.retired_at.is_(None))
                )
            )
        scores = {
            int(each["task"]): float(each["score"])
            for each in pushed
            if each["model_version"] == version.name and each["task"] not in done
        }
        return dict(sorted(scores.items(), key=lambda item: item[1]))
