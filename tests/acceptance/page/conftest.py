"""The page over real photographs: 2,000 of coco18, the default backbone, answers in a real Label Studio."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from model_backend.demo.annotator import Habits, answer, regions
from model_backend.demo.dataset import Dataset
from model_backend.demo.loop import as_shown, settled, shown_prediction
from model_backend.engine.resources import CACHE_FILE
from model_backend.stack.local_files import file_of
from tests.acceptance.conftest import CHROMIUM, FLAGS, Up, required, until
from tests.real_pictures import RealPictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

    from annotator.store import Store

PHOTOGRAPHS = 2000
ROUNDS = ((40, Habits()), (30, Habits(reviews=0.6, completes=0.2)), (30, Habits(reviews=0.6, completes=0.2)))
"""Answers of a round, and how closely the annotator looks; each round ends with a training."""


class Photographs(Up):
    """An `onetag up` over photographs whose truth is known."""

    backbone = "auto"
    precision = "0.8"

    def __init__(self, dataset: Dataset, data_dir: Path) -> None:
        super().__init__(dataset.files[0].parent, data_dir)
        self.label_names = dataset.labels
        self.dataset = dataset
        self._rows = {file.name: row for row, file in enumerate(dataset.files)}
        self._rng = np.random.default_rng(12)

    def answer(self, count: int, habits: Habits) -> None:
        """Answer the next tasks of the queue in Label Studio, as an honest annotator would."""
        studio = self.studio()
        project = next(iter(studio.projects()))["id"]
        for _ in range(count):
            task = studio.next_task(project)
            assert task is not None
            name = file_of(self.images.name, task["data"]["image"])
            assert name is not None
            prediction = shown_prediction(task)
            shown = as_shown(prediction)
            given = answer(self.dataset.present(self._rows[name]), shown.labels, habits, self._rng)
            studio.annotate(
                int(task["id"]),
                [] if given is None else regions(given, shown, "choices"),
                lead_time=float(self._rng.lognormal(1.2, 0.4)),
                parent_prediction=int(prediction["id"]) if prediction else None,
                skipped=given is None,
            )

    def settle(self) -> None:
        """Wait until every answer is learned, and the version is in Label Studio's queue."""
        store = self.store()
        try:
            until(lambda: settled(store, 1), 900, "a version that knows every answer")
        finally:
            store.close()


@pytest.fixture(scope="package")
def photographs(
    real_pictures: Callable[[str, int], RealPictures],
    fresh_label_studio: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Photographs]:
    """Photographs of which 100 are answered, in three rounds; their features are known from other tests."""
    seen = real_pictures("coco18", PHOTOGRAPHS)
    data = shutil.copytree(fresh_label_studio, tmp_path_factory.mktemp("page") / "data")
    shutil.copy(seen.cache, data / CACHE_FILE)
    made = Photographs(copied(seen.dataset, tmp_path_factory.mktemp("photographs")), data)
    try:
        made.start()
        made.await_ready()
        for count, habits in ROUNDS:
            made.answer(count, habits)
            made.settle()
        yield made
    finally:
        made.clean()


def copied(dataset: Dataset, folder: Path) -> Dataset:
    """The pictures with their truth, in a folder of their own."""
    images = folder / "photographs"
    images.mkdir()
    files = tuple(Path(shutil.copy(file, images / file.name)) for file in dataset.files)
    return Dataset(dataset.labels, files, dataset.truth)


@pytest.fixture
def store(photographs: Photographs) -> Iterator[Store]:
    """What is on record."""
    opened = photographs.store()
    yield opened
    opened.close()


SCHEMES: tuple[Literal["light", "dark"], ...] = ("dark", "light")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@dataclass
class Visitor:
    """Somebody who is logged in, with what the browser complained of and whom it asked."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        """Go to a path of the page, and wait until all of it is there."""
        self.page.goto(f"{self.home}{path}")
        self.settle()

    def settle(self) -> None:
        """Wait until what follows the page is there; no script of ours may do so, as the page allows none."""
        busy = self.page.locator("[aria-busy=true]")
        while busy.count():
            busy.first.wait_for(state="detached")


def examine(visitor: Visitor) -> None:
    """In both schemes no violation of accessibility; nothing to scroll sideways for, no complaint, and no
    other host."""
    for scheme in SCHEMES:
        visitor.page.emulate_media(color_scheme=scheme)
        found = Axe().run(visitor.page)
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.complaints == []
    assert visitor.hosts == {urlsplit(visitor.home).netloc}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    required(Path(CHROMIUM).exists(), f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=SIZES)
def visitor(request: pytest.FixtureRequest, chromium: Browser, photographs: Photographs) -> Iterator[Visitor]:
    """Somebody who came by a one-time link and may answer, at a desk and with a phone."""
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height})
    came = Visitor(context.new_page(), f"http://127.0.0.1:{photographs.port}/page/")
    came.page.goto(link_for(photographs, request.param))
    came.page.get_by_role("button", name="Log in").click()
    came.page.get_by_role("heading", name="Progress").wait_for()
    yield came
    context.close()


def link_for(up: Up, name: str, role: str = "answer") -> str:
    """A one-time link for a person of this name."""
    made = up.onetag("users", "link", name, "--role", role)
    assert made.returncode == 0, made.stderr
    return next(word for word in made.stdout.split() if word.startswith("http"))
